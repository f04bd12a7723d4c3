/** As much of autocannon's interface as the bench uses; the package brings no types. */
declare module 'autocannon' {
  export interface Request {
    method?: string;
    path?: string;
    headers?: Readonly<Record<string, string>>;
    body?: string;
    setupRequest?: (request: Request) => Request;
  }

  export interface Options {
    readonly url: string;
    readonly connections: number;
    readonly duration: number;
    /** Requests per second of all connections. */
    readonly overallRate?: number;
    readonly requests: readonly Request[];
  }

  export interface Result {
    readonly '2xx': number;
    readonly non2xx: number;
    readonly errors: number;
    readonly timeouts: number;
    readonly requests: { readonly sent: number; readonly average: number };
    readonly latency: { readonly p50: number; readonly p99: number; readonly p99_9: number };
  }

  export default function autocannon(options: Options): Promise<Result>;
}
