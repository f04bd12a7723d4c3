/**
 * The HTTP process's server.
 *
 *   /healthz   this process answers
 *   /readyz    200 when the trunk to logic is up and a gate listens; 503 with the reasons otherwise
 *   /metrics   all processes, for Prometheus
 *   /v1/iplist which gates clients may dial; without a key
 *   the rest   the app
 *
 * The first four are plain `node:http`: they stay up when the app breaks, and the fourth is asked by every client. Only
 * this file owns `node:http`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Clock } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { API_ERROR_STATUS, type ApiError, apiError } from './api-error.ts';
import { IPLIST_PATH, IplistEndpoint, type IplistEndpointOptions } from './iplist-endpoint.ts';
import { LogicLink, type LogicLinkOptions } from './logic-link.ts';
import { pushRoutes } from './push-routes.ts';
import { RequestGuard } from './request-guard.ts';
import { addSessionRoutes } from './session-routes.ts';

const CONNECTIONS_MAX = 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 1000;

export interface ApiOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly host: string;
  readonly port: number;
  /** '' for none. */
  readonly key: string;
  readonly trunk: LogicLinkOptions;
  readonly iplist: Omit<IplistEndpointOptions, 'clock'>;
  /** The metrics of all processes in Prometheus' text format. */
  readonly metricsText: () => Promise<string>;
  readonly metricsContentType: string;
  /** Gates that accept clients now. */
  readonly gatesListening: () => number;
  /** The system is on its way down. */
  readonly stopping: () => boolean;
  /** Our fault, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** What `/readyz` says. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export class Api {
  readonly link: LogicLink;
  readonly iplist: IplistEndpoint;
  readonly #options: ApiOptions;
  readonly #guard: RequestGuard;
  readonly #server: Server;
  #scrape: Promise<string> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.link = new LogicLink(options.trunk);
    this.iplist = new IplistEndpoint({ ...options.iplist, clock: options.clock });
    this.#guard = new RequestGuard({ host: options.host, key: options.key });
    const { random, onFault } = options;
    const app = pushRoutes({ target: this.link, guard: this.#guard, random, onFault });
    addSessionRoutes(app, this.link);
    // The adapter's own Request class stays private: a process has one global Request.
    const appListener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    this.#server = createServer((request, response) => {
      if (!this.#answerPlainly(request, response)) void appListener(request, response);
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
  }

  /** Resolves with the bound port. */
  start(): Promise<number> {
    this.link.start();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', this.#options.onFault);
        const bound = this.#server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : this.#options.port);
      });
    });
  }

  /** Stops accepting, answers what is under way for at most a second, then ends. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  readiness(): Readiness {
    const reasons: string[] = [];
    if (this.#options.stopping()) reasons.push('the system is stopping');
    if (!this.link.up) reasons.push('the link to logic is down');
    if (this.#options.gatesListening() === 0) reasons.push('no gate is listening');
    return { ready: reasons.length === 0, reasons };
  }

  async #close(): Promise<void> {
    const { clock } = this.#options;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const timer = clock.setTimer(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS);
    await closed;
    clock.clearTimer(timer);
    this.link.stop();
  }

  /** True when the request was one of the four plain ones. */
  #answerPlainly(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/readyz' && path !== '/metrics' && path !== IPLIST_PATH) return false;
    const { host, origin, authorization } = request.headers;
    const headers = { host, origin, authorization };
    const refused = path === '/metrics' ? this.#guard.refusal(headers) : this.#guard.hostRefusal(headers);
    if (refused !== undefined) this.#refuse(response, refused);
    else if (path === IPLIST_PATH) this.#answerIplist(request, response);
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      this.#refuse(response, apiError('METHOD_NOT_ALLOWED', 'use GET'));
    } else if (path === '/metrics') void this.#answerMetrics(response);
    else if (path === '/healthz') sendJson(response, 200, { status: 'ok' });
    else {
      const readiness = this.readiness();
      sendJson(response, readiness.ready ? 200 : 503, readiness);
    }
    return true;
  }

  #answerIplist(request: IncomingMessage, response: ServerResponse): void {
    const { status, headers, body } = this.iplist.answer({
      method: request.method ?? '',
      url: request.url ?? '',
      address: request.socket.remoteAddress ?? '',
      ifNoneMatch: request.headers['if-none-match'],
    });
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    response.writeHead(status, { ...headers, ...length });
    response.end(body);
  }

  /** One scrape at a time: whoever asks meanwhile gets the same page. */
  async #answerMetrics(response: ServerResponse): Promise<void> {
    try {
      this.#scrape ??= this.#options.metricsText().finally(() => {
        this.#scrape = undefined;
      });
      const text = await this.#scrape;
      send(response, 200, this.#options.metricsContentType, text);
    } catch (error) {
      this.#options.onFault(error);
      this.#refuse(response, apiError('INTERNAL', 'the metrics could not be collected'));
    }
  }

  #refuse(response: ServerResponse, error: ApiError): void {
    const status = API_ERROR_STATUS[error.code];
    if (status === 401) response.setHeader('www-authenticate', 'Bearer');
    sendJson(response, status, { error });
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
