/**
 * `sluice push`: one message over the HTTP side, as the business sends it. An answer that leaves the outcome open is
 * followed by a retry under the same id, until the time is over.
 */
import { type Clock, delay, SystemClock } from '../clock/clock.ts';
import { randomHex, SystemRandom } from '../clock/random.ts';
import type { Config } from '../config/config.ts';
import { dialHost } from '../config/hosts.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { writeLine } from './terminal.ts';

export interface PushOptions {
  readonly app: string;
  readonly to: string;
  readonly text: string;
  readonly id?: string;
  readonly from?: string;
  readonly url?: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

const ID_BYTES = 16;
const RETRY_MS = 500;

interface Answer {
  readonly status: number;
  readonly body: { messageId?: string; dup?: boolean; error?: { code?: string; message?: string } };
}

export async function push(config: Config, options: PushOptions): Promise<ExitCode> {
  const clock = new SystemClock();
  const deadlineMs = clock.monotonicMs() + options.timeout;
  const { app, to, text, from, id = randomHex(new SystemRandom(), ID_BYTES) } = options;
  const request = JSON.stringify({ app, to, text, id, from });
  for (;;) {
    const answer = await post(config, options, request, deadlineMs - clock.monotonicMs());
    if (answer.status === 200) {
      const { messageId, dup } = answer.body;
      await writeLine(options.json ? JSON.stringify(answer.body) : `stored ${messageId}${dup ? ' (again)' : ''}`);
      return ExitCode.Done;
    }
    const { code, message } = answer.body.error ?? {};
    if (!(await waitToRetry(answer.status, clock, deadlineMs)))
      throw new CliError(`${code ?? answer.status}: ${message}`);
  }
}

/** Status 0: there was no answer. */
async function post(config: Config, options: PushOptions, body: string, timeoutMs: number): Promise<Answer> {
  const host = dialHost(config.api.host);
  const base = options.url ?? `http://${host.includes(':') ? `[${host}]` : host}:${config.api.port}`;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (config.api.key !== '') headers['authorization'] = `Bearer ${config.api.key}`;
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  try {
    const response = await fetch(new URL('/v1/push', base), { method: 'POST', headers, body, signal });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    return { status: 0, body: { error: { code: 'NO_ANSWER', message: `${base}: ${(cause as Error).message}` } } };
  }
}

/** False when another try makes no sense. */
async function waitToRetry(status: number, clock: Clock, deadlineMs: number): Promise<boolean> {
  const open = status === 0 || status === 429 || status === 503;
  if (!open || clock.monotonicMs() + RETRY_MS >= deadlineMs) return false;
  await delay(clock, RETRY_MS);
  return true;
}
