/** `sluice drain`: asks a running role, or a whole machine, to leave, and waits until it has. */
import { delay, SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { dialHost } from '../config/hosts.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { writeLine } from './terminal.ts';

type Drainable = 'start' | 'gate' | 'logic' | 'api';

export interface DrainOptions {
  readonly url?: string;
  /** Milliseconds; by default `gate.drainMs` and some seconds. */
  readonly timeout?: number;
}

const POLL_MS = 200;
/** What a stop may take beyond the drain itself. */
const MARGIN_MS = 10_000;

export async function drain(config: Config, options: DrainOptions, role: Drainable): Promise<ExitCode> {
  const clock = new SystemClock();
  const base = options.url ?? urlOf(config, role);
  const timeoutMs = options.timeout ?? config.gate.drainMs + MARGIN_MS;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const answer = await ask(base, keyOf(config, role)).catch((error: Error) => {
    throw new CliError(`${base}: ${((error.cause ?? error) as Error).message}`);
  });
  if (answer !== 202) throw new CliError(`${base} answers ${answer} to a drain`);
  while (await answers(base)) {
    if (clock.monotonicMs() > deadlineMs) throw new CliError(`still there after ${Math.round(timeoutMs)} ms`);
    await delay(clock, POLL_MS);
  }
  await writeLine('drained');
  return ExitCode.Done;
}

function isApart(role: Drainable): role is 'gate' | 'logic' {
  return role === 'gate' || role === 'logic';
}

function urlOf({ admin, api }: Config, role: Drainable): string {
  const host = dialHost(isApart(role) ? admin.host : api.host);
  const port = isApart(role) ? admin[`${role}Port`] : api.port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function keyOf({ admin, api }: Config, role: Drainable): string {
  return isApart(role) ? admin.key : api.key;
}

/** The status of the answer. */
async function ask(base: string, key: string): Promise<number> {
  const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(new URL('/v1/admin/drain', base), { method: 'POST', headers });
  await response.body?.cancel();
  return response.status;
}

/** Its HTTP side goes only after the last client. */
async function answers(base: string): Promise<boolean> {
  const response = await fetch(new URL('/healthz', base)).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined;
}
