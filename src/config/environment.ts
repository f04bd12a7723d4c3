/** Environment variables as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** This process's environment. The only reader of `process.env`. */
export function processEnvironment(): Environment {
  return process.env;
}

/**
 * What child processes are started with. One allocation arena instead of one per thread: the C library's arenas keep what
 * the helper threads of the runtime free, which costs a gate 363 bytes for each idle connection (glibc; others ignore it).
 */
export function childEnvironment(): Environment {
  return { MALLOC_ARENA_MAX: '1', ...processEnvironment() };
}
