/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** The key as written: `gate.port`, `apps[0].id`. */
  readonly key: string;
  /** What was given, as text; secrets are never repeated. */
  readonly value: string | undefined;
  /** What is allowed, or what to do instead. */
  readonly allowed: string;
  /** Where it came from: a file, an environment variable, a flag. */
  readonly source: string;
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(`the configuration is refused:\n${problems.map(describe).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

function describe(problem: ConfigProblem): string {
  const given = problem.value === undefined ? '' : ` = ${problem.value}`;
  return `  ${problem.key}${given} (${problem.source}): ${problem.allowed}`;
}

const VALUE_LENGTH_MAX = 80;

/** A given value as text for a problem: short, on one line. */
export function shownValue(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value) ?? value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}
