/**
 * The HTTP process's server: what every role answers its operator (`operator-routes.ts`), `/v1/iplist`, which is asked by
 * every client, and the app for the rest.
 */
import { getRequestListener } from '@hono/node-server';
import type { Clock } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { type HttpRequest, type HttpResponse, HttpServer } from './http-server.ts';
import { IPLIST_PATH, IplistEndpoint, type IplistEndpointOptions } from './iplist-endpoint.ts';
import { LogicLink, type LogicLinkOptions } from './logic-link.ts';
import { OperatorRoutes, type OperatorRoutesOptions, sendRefusal } from './operator-routes.ts';
import { type AsyncTarget, pushRoutes } from './push-routes.ts';
import { RequestGuard } from './request-guard.ts';
import { addSessionRoutes } from './session-routes.ts';

export interface ApiOptions extends Omit<OperatorRoutesOptions, 'guard' | 'obstacles'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly host: string;
  readonly port: number;
  /** '' for none. */
  readonly key: string;
  readonly trunk: LogicLinkOptions;
  /** None: the store has no streams. */
  readonly queue?: AsyncTarget;
  readonly iplist: Omit<IplistEndpointOptions, 'clock'>;
  /** Gates of this system that accept clients now; undefined where gates are none of this api's business. */
  readonly gatesListening: () => number | undefined;
}

export class Api {
  readonly link: LogicLink;
  readonly iplist: IplistEndpoint;
  readonly #guard: RequestGuard;
  readonly #server: HttpServer;

  constructor(options: ApiOptions) {
    const { random, queue, onFault, gatesListening } = options;
    this.link = new LogicLink(options.trunk);
    this.iplist = new IplistEndpoint({ ...options.iplist, clock: options.clock });
    const guard = new RequestGuard({ host: options.host, key: options.key });
    this.#guard = guard;
    const pushes = { target: this.link, guard, random, onFault };
    const app = pushRoutes(queue === undefined ? pushes : { ...pushes, queue });
    addSessionRoutes(app, this.link);
    const obstacles = (): string[] => [
      ...(this.link.up ? [] : ['the link to logic is down']),
      ...(gatesListening() === 0 ? ['no gate is listening'] : []),
    ];
    const operator = new OperatorRoutes({ ...options, guard, obstacles });
    // The adapter's own Request class stays private: a process has one global Request.
    const appListener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    this.#server = new HttpServer({
      ...options,
      answer: (request, response) => {
        if (operator.answer(request, response) || this.#answerIplist(request, response)) return;
        void appListener(request, response);
      },
    });
  }

  /** Resolves with the bound port. */
  start(): Promise<number> {
    this.link.start();
    return this.#server.start();
  }

  /** Stops accepting, answers what is under way for at most a second, then ends. Idempotent. */
  async stop(): Promise<void> {
    await this.#server.stop();
    this.link.stop();
  }

  /** Without a key, which clients have not; false for another path. */
  #answerIplist(request: HttpRequest, response: HttpResponse): boolean {
    const url = request.url ?? '';
    if (url.split('?', 1)[0] !== IPLIST_PATH) return false;
    const { host, origin } = request.headers;
    const refused = this.#guard.hostRefusal({ host, origin, authorization: undefined });
    if (refused !== undefined) {
      sendRefusal(response, refused);
      return true;
    }
    const { status, headers, body } = this.iplist.answer({
      method: request.method ?? '',
      url,
      address: request.socket.remoteAddress ?? '',
      ifNoneMatch: request.headers['if-none-match'],
    });
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    response.writeHead(status, { ...headers, ...length });
    response.end(body);
    return true;
  }
}
