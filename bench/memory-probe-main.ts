/**
 * Loaded into processes under test (`--import`) when their memory is measured: SIGUSR2 collects garbage and writes what
 * V8 says of its heap to `memory-<pid>.json` in the working directory. Does nothing until then.
 */
import { renameSync, writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const file = `memory-${process.pid}.json`;
  writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.new`, file);
});
