#!/usr/bin/env node
/**
 * The `sluice` command in the repository: builds quietly when something is stale, then becomes the program. The program
 * is imported, not spawned: one process, one set of signals, one exit code.
 */
import { ensureBuilt } from './setup.mjs';
import { SetupError } from './setup-lock.mjs';

/** npm and the terminal may both deliver one Ctrl-C; nobody presses twice within this time and means two things. */
const SAME_SIGNAL_MS = 400;
const PARENT_POLL_MS = 200;

/**
 * Under npm two things go wrong with signals. Ctrl-C reaches the whole foreground group, and npm forwards its own copy
 * to the shell it started: where that shell has replaced itself by this program, one key press arrives twice. Where it
 * has not (dash), a signal sent to npm ends that shell and never arrives at all; then the shell's death is the signal.
 */
function settleSignalsUnderNpm() {
  const emit = process.emit;
  let lastMs = Number.NEGATIVE_INFINITY;
  process.emit = function emitOnce(event, ...args) {
    if (event === 'SIGINT' || event === 'SIGTERM') {
      const nowMs = performance.now();
      if (nowMs - lastMs < SAME_SIGNAL_MS) return true;
      lastMs = nowMs;
    }
    return emit.call(process, event, ...args);
  };
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (performance.now() - lastMs > SAME_SIGNAL_MS + PARENT_POLL_MS) process.kill(process.pid, 'SIGTERM');
  }, PARENT_POLL_MS);
  watch.unref();
}

try {
  ensureBuilt({ quiet: process.argv[2] !== 'start' });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`sluice: ${error.message}\n`);
  process.exit(1);
}
if (process.env.npm_execpath !== undefined) settleSignalsUnderNpm();
await import('../dist/src/cli/main.js');
