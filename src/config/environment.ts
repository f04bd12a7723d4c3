/** Environment variables as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** This process's environment. The only reader of `process.env`. */
export function processEnvironment(): Environment {
  return process.env;
}

/** glibc's own start value. Read buffers of sockets, half of it, must stay below. */
const MAPPED_BYTES_MIN = 128 * 1024;

/**
 * What child processes are started with, for glibc; others ignore it. One allocation arena instead of one per thread: the
 * arenas keep what the helper threads of the runtime free, which costs a gate 363 bytes for each idle connection. A
 * threshold for blocks that are mapped, and returned to the system when they are freed: left alone it rises with the
 * first large block that is freed, and every table that has grown since leaves a hole in the heap.
 */
export function childEnvironment(): Environment {
  return { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: String(MAPPED_BYTES_MIN), ...processEnvironment() };
}
