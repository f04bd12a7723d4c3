/** Environment variables as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** This process's environment. The only reader of `process.env`. */
export function processEnvironment(): Environment {
  return process.env;
}
