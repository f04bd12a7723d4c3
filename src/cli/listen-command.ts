/**
 * `sluice listen`: one line a message. A message is acknowledged when its line is out, so that a listener that is
 * killed repeats at most the line it was writing; the server keeps the cursor of each device id.
 */

import { ConnectError, type Message, type SluiceClient } from '../client/index.ts';
import { type Clock, SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { type LoginOptions, machineDeviceId, makeClient } from './command-context.ts';
import { printable, textOf, writeLine, writeProblem } from './terminal.ts';

export interface ListenOptions extends LoginOptions {
  readonly count?: number;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly json?: boolean;
}

const DEVICE_TYPE = 'cli-listen';

export async function listen(config: Config, options: ListenOptions): Promise<ExitCode> {
  const client = makeClient(config, options, {
    deviceId: machineDeviceId('cli'),
    deviceType: DEVICE_TYPE,
    connectTimeoutMs: options.timeout,
  });
  const printer = new Printer(client, options);
  const ending = new Ending(new SystemClock(), options.timeout);
  try {
    // A time that is over while still connecting is an end like any other.
    await Promise.race([client.connect().then(() => printer.finished), printer.failed, ending.asked]);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw asCliError(error);
    writeProblem(error.message);
  } finally {
    ending.forget();
    await client.close();
  }
  const { count } = options;
  return count === undefined || printer.printed >= count ? ExitCode.Done : ExitCode.Failed;
}

/** Prints messages, no more than were asked for: what comes beyond stays unacknowledged, for the next listener. */
class Printer {
  printed = 0;
  /** Enough are printed. */
  readonly finished: Promise<void>;
  /** Nothing more can be printed; rejects. */
  readonly failed: Promise<never>;
  readonly #count: number;
  readonly #format: (message: Message) => string;
  #finish: () => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(client: SluiceClient, options: ListenOptions) {
    this.#count = options.count ?? Number.POSITIVE_INFINITY;
    this.#format = options.json ? jsonLine : textLine;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    client.on('stopped', ({ reasonName, detail }) => this.#fail(new CliError(`stopped: ${reasonName} ${detail}`)));
    client.on('gap', ({ from, to }) => writeProblem(`messages ${from} to ${to} are not kept any more`));
    client.onMessage((message) => this.#print(message));
  }

  async #print(message: Message): Promise<void> {
    if (this.printed >= this.#count) throw new Error('enough');
    try {
      await writeLine(this.#format(message));
    } catch (error) {
      this.#fail(asCliError(error));
      throw error;
    }
    this.printed++;
    if (this.printed === this.#count) this.#finish();
  }
}

/** The user has had enough, or the time is over. */
class Ending {
  readonly asked: Promise<void>;
  readonly forget: () => void;

  constructor(clock: Clock, timeoutMs: number | undefined) {
    let end: () => void = () => {};
    this.asked = new Promise((resolve) => {
      end = resolve;
    });
    const timer = timeoutMs === undefined ? undefined : clock.setTimer(end, timeoutMs);
    process.on('SIGINT', end).on('SIGTERM', end);
    this.forget = () => {
      if (timer !== undefined) clock.clearTimer(timer);
      process.off('SIGINT', end).off('SIGTERM', end);
    };
  }
}

function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  return new CliError(error instanceof Error ? error.message : String(error));
}

function jsonLine(message: Message): string {
  const { seq, epoch, from, to, messageId, timeMs, payload } = message;
  const text = textOf(payload);
  const body = text === undefined ? { payloadBase64: payload.toString('base64') } : { text };
  return JSON.stringify({ seq, epoch, from, to, ...body, messageId, timeMs });
}

function textLine(message: Message): string {
  const text = textOf(message.payload);
  return `${message.from}: ${text === undefined ? `<${message.payload.length} bytes>` : printable(text)}`;
}
