/** Exit codes of every command. */
export const ExitCode = {
  Done: 0,
  /** It did not work: not stored, not enough messages, not reachable. */
  Failed: 1,
  /** The options or the configuration are wrong; nothing was tried. */
  Usage: 2,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A problem that is told in one line on stderr. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = ExitCode.Failed) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** Wrong options. */
export function usageError(message: string): CliError {
  return new CliError(message, ExitCode.Usage);
}
