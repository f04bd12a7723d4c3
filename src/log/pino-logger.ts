/**
 * The real logger, on pino: JSON lines to standard error or to a file, or lines for people.
 *
 * Writes are synchronous. A file is written in pieces of 4 KiB, at the latest a second after a line, and at exit;
 * standard error is written line by line. A line below the level costs a comparison.
 */
import { isatty } from 'node:tty';
import { destination, type Logger as Pino, pino } from 'pino';
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { cleanFields, cleanText } from './clean-fields.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';
import { prettyLine } from './pretty-line.ts';

export interface LogOptions {
  readonly level: LogLevel;
  readonly pretty: boolean;
  /** A file to append to; '' for standard error. */
  readonly file: string;
}

/** A logger that owns what it writes to. */
export interface RootLogger extends Logger {
  /** Hands everything to the system. */
  flush(): void;
  /** Flushes and lets go of the file. Nothing may be logged afterwards. */
  close(): void;
}

const STANDARD_ERROR = 2;
const FILE_BUFFER_BYTES = 4096;
const FILE_FLUSH_MS = 1000;

/** `base` goes into every line: role and index of this process. */
export function createLogger(options: LogOptions, base: LogFields, clock: Clock): RootLogger {
  const sink = new LogSink(options, clock);
  const engine = pino(
    {
      level: options.level,
      base: cleanFields(base),
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const logger = new PinoLogger(engine);
  return Object.assign(logger, { flush: () => sink.flush(), close: () => sink.close() });
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(engine: Pino) {
    this.#pino = engine;
  }

  debug(fields: LogFields, message: string): void {
    if (this.#pino.isLevelEnabled('debug')) this.#pino.debug(cleanFields(fields), cleanText(message));
  }

  info(fields: LogFields, message: string): void {
    if (this.#pino.isLevelEnabled('info')) this.#pino.info(cleanFields(fields), cleanText(message));
  }

  warn(fields: LogFields, message: string): void {
    if (this.#pino.isLevelEnabled('warn')) this.#pino.warn(cleanFields(fields), cleanText(message));
  }

  error(fields: LogFields, message: string): void {
    this.#pino.error(cleanFields(fields), cleanText(message));
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(cleanFields(fields)));
  }
}

/** Where lines go. */
class LogSink {
  readonly #stream: ReturnType<typeof destination>;
  readonly #clock: Clock;
  readonly #buffered: boolean;
  readonly #pretty: boolean;
  readonly #colours: boolean;
  #flushTimer: TimerHandle | undefined;
  readonly #flushAtExit = (): void => this.flush();

  constructor(options: LogOptions, clock: Clock) {
    this.#clock = clock;
    this.#buffered = options.file !== '';
    this.#colours = !this.#buffered && isatty(STANDARD_ERROR);
    this.#pretty = options.pretty || this.#colours;
    this.#stream = this.#buffered
      ? destination({ dest: options.file, sync: true, append: true, mkdir: true, minLength: FILE_BUFFER_BYTES })
      : destination({ dest: STANDARD_ERROR, sync: true });
    if (this.#buffered) process.on('exit', this.#flushAtExit);
  }

  write(line: string): void {
    this.#stream.write(this.#pretty ? prettyLine(line, this.#colours) : line);
    if (this.#buffered) this.#flushTimer ??= this.#clock.setTimer(() => this.flush(), FILE_FLUSH_MS);
  }

  flush(): void {
    if (this.#flushTimer !== undefined) this.#clock.clearTimer(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#stream.flushSync();
  }

  close(): void {
    this.flush();
    if (!this.#buffered) return;
    process.off('exit', this.#flushAtExit);
    this.#stream.end();
  }
}
