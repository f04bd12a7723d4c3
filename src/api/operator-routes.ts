/**
 * What every role answers its operator:
 *
 *   GET  /healthz          this process answers
 *   GET  /readyz           200, or 503 with the reasons
 *   GET  /metrics          all processes of this role, for Prometheus
 *   POST /v1/admin/drain   202: the role leaves as after SIGTERM, and its processes end
 *
 * Plain `node:http`, without the app: they stay up when that breaks.
 */
import { API_ERROR_STATUS, type ApiError, apiError } from './api-error.ts';
import { type HttpRequest, type HttpResponse, sendJson, sendText } from './http-server.ts';
import type { RequestGuard } from './request-guard.ts';

export interface OperatorRoutesOptions {
  readonly guard: RequestGuard;
  /** The role is on its way out. */
  readonly stopping: () => boolean;
  /** Why clients cannot be served now; none: they can. */
  readonly obstacles: () => readonly string[];
  /** The metrics of all processes in Prometheus' text format. */
  readonly metricsText: () => Promise<string>;
  readonly metricsContentType: string;
  /** Starts to leave; more calls change nothing. */
  readonly drain: () => void;
  /** Our fault, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** What `/readyz` says. */
interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** Path, its method, and whether a key is asked for. */
const ROUTES: ReadonlyMap<string, { readonly method: 'GET' | 'POST'; readonly guarded: boolean }> = new Map([
  ['/healthz', { method: 'GET', guarded: false }],
  ['/readyz', { method: 'GET', guarded: false }],
  ['/metrics', { method: 'GET', guarded: true }],
  ['/v1/admin/drain', { method: 'POST', guarded: true }],
]);

export class OperatorRoutes {
  readonly #options: OperatorRoutesOptions;
  #scrape: Promise<string> | undefined;

  constructor(options: OperatorRoutesOptions) {
    this.#options = options;
  }

  #readiness(): Readiness {
    const { stopping, obstacles } = this.#options;
    const reasons = [...(stopping() ? ['the system is stopping'] : []), ...obstacles()];
    return { ready: reasons.length === 0, reasons };
  }

  /** False when the request is none of these. */
  answer(request: HttpRequest, response: HttpResponse): boolean {
    const path = request.url?.split('?', 1)[0] ?? '';
    const route = ROUTES.get(path);
    if (route === undefined) return false;
    const { guard } = this.#options;
    const { host, origin, authorization } = request.headers;
    const headers = { host, origin, authorization };
    const refused = route.guarded ? guard.refusal(headers) : guard.hostRefusal(headers);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (refused !== undefined) sendRefusal(response, refused);
    else if (method !== route.method) {
      response.setHeader('allow', route.method);
      sendRefusal(response, apiError('METHOD_NOT_ALLOWED', `use ${route.method}`));
    } else this.#answer(path, response);
    return true;
  }

  #answer(path: string, response: HttpResponse): void {
    switch (path) {
      case '/metrics':
        void this.#answerMetrics(response);
        break;
      case '/readyz': {
        const readiness = this.#readiness();
        sendJson(response, readiness.ready ? 200 : 503, readiness);
        break;
      }
      case '/v1/admin/drain':
        sendJson(response, 202, { draining: true });
        this.#options.drain();
        break;
      default:
        sendJson(response, 200, { status: 'ok' });
    }
  }

  /** One scrape at a time: whoever asks meanwhile gets the same page. */
  async #answerMetrics(response: HttpResponse): Promise<void> {
    const { metricsText, metricsContentType, onFault } = this.#options;
    try {
      this.#scrape ??= metricsText().finally(() => {
        this.#scrape = undefined;
      });
      sendText(response, 200, metricsContentType, await this.#scrape);
    } catch (error) {
      onFault(error);
      sendRefusal(response, apiError('INTERNAL', 'the metrics could not be collected'));
    }
  }
}

export function sendRefusal(response: HttpResponse, error: ApiError): void {
  const status = API_ERROR_STATUS[error.code];
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  sendJson(response, status, { error });
}
