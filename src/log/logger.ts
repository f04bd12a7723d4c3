/** Structured logging as an argument. Everything above takes a `Logger`; only the composition root makes one. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * `fields` first, then a constant message: what varies belongs into the fields. Never pass tokens, keys or payloads;
 * fields with such names are masked all the same.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}
