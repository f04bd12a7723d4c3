import { SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { tokenMaker } from './app-token.ts';
import { ExitCode } from './cli-error.ts';
import { writeLine } from './terminal.ts';

export interface TokenOptions {
  readonly app: string;
  readonly uid: string;
  /** Milliseconds. */
  readonly ttl: number;
  readonly device?: string;
}

/** Prints one token, nothing else. */
export async function token(config: Config, options: TokenOptions): Promise<ExitCode> {
  const { app, uid, ttl, device } = options;
  const mint = tokenMaker(config, { app, uid, lifetimeMs: ttl, deviceId: device });
  await writeLine(await mint(new SystemClock().wallMs()));
  return ExitCode.Done;
}
