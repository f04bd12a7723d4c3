/**
 * A `node:http` server with bounds on connections and on the time of a request. Only this file owns `node:http`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../clock/clock.ts';

const CONNECTIONS_MAX = 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 1000;

export type HttpRequest = IncomingMessage;
export type HttpResponse = ServerResponse;

export interface HttpServerOptions {
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly answer: (request: HttpRequest, response: HttpResponse) => void;
  /** Our fault, for the log. */
  readonly onFault: (error: unknown) => void;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  #stopped: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer(options.answer);
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
  }

  /** Resolves with the bound port. */
  start(): Promise<number> {
    const { host, port, onFault } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', onFault);
        const bound = this.#server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : port);
      });
    });
  }

  /** Stops accepting, answers what is under way for at most a second, then ends. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
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
  }
}

export function sendJson(response: HttpResponse, status: number, body: unknown): void {
  sendText(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

export function sendText(response: HttpResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
