/** The HTTP side of a role that has no other: what its operator asks (`operator-routes.ts`), and nothing else. */
import { apiError } from './api-error.ts';
import { HttpServer, type HttpServerOptions } from './http-server.ts';
import { OperatorRoutes, type OperatorRoutesOptions, sendRefusal } from './operator-routes.ts';
import { RequestGuard } from './request-guard.ts';

export interface AdminOptions extends Omit<OperatorRoutesOptions, 'guard'>, Omit<HttpServerOptions, 'answer'> {
  /** '' for none. */
  readonly key: string;
}

export class Admin {
  readonly #server: HttpServer;

  constructor(options: AdminOptions) {
    const routes = new OperatorRoutes({ ...options, guard: new RequestGuard(options) });
    this.#server = new HttpServer({
      ...options,
      answer: (request, response) => {
        if (routes.answer(request, response)) return;
        sendRefusal(response, apiError('NOT_FOUND', 'there are /healthz, /readyz, /metrics and POST /v1/admin/drain'));
      },
    });
  }

  /** Resolves with the bound port. */
  start(): Promise<number> {
    return this.#server.start();
  }

  /** Stops accepting, answers what is under way for at most a second, then ends. Idempotent. */
  stop(): Promise<void> {
    return this.#server.stop();
  }
}
