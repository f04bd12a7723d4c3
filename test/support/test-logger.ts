import { cleanFields } from '../../src/log/clean-fields.ts';
import type { LogFields, Logger, LogLevel } from '../../src/log/logger.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines, and those of its children, for a test to look at. */
export interface TestLogger extends Logger {
  readonly lines: readonly LogLine[];
}

export function testLogger(): TestLogger {
  return new CollectingLogger({}, []);
}

class CollectingLogger implements TestLogger {
  readonly lines: LogLine[];
  readonly #base: LogFields;

  constructor(base: LogFields, lines: LogLine[]) {
    this.#base = base;
    this.lines = lines;
  }

  debug(fields: LogFields, message: string): void {
    this.#keep('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#keep('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#keep('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#keep('error', fields, message);
  }

  child(fields: LogFields): Logger {
    return new CollectingLogger({ ...this.#base, ...fields }, this.lines);
  }

  #keep(level: LogLevel, fields: LogFields, message: string): void {
    this.lines.push({ level, message, fields: cleanFields({ ...this.#base, ...fields }) });
  }
}
