/**
 * One setup at a time: the work is done under a lock file that holds its owner's process id. A dead owner's lock is
 * taken over; a living one is waited for, with a bound. Plain JavaScript, for the same reason as `setup.mjs`.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOCK_WAIT_MS = 5 * 60_000;
const LOCK_POLL_MS = 50;

/** A reason to stop that is for people: shown without a stack. */
export class SetupError extends Error {}

/**
 * Runs `work` while holding the repository's lock.
 *
 * @template T
 * @param {string} root
 * @param {() => T} work
 * @returns {T}
 */
export function underLock(root, work) {
  const folder = join(root, '.cache');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'setup.lock');
  const mark = `${process.pid} ${performance.timeOrigin}`;
  takeLock(path, mark);
  try {
    return work();
  } finally {
    if (readText(path) === mark) unlinkSync(path);
  }
}

function takeLock(path, mark) {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (let told = false; !tryLock(path, mark); ) {
    const holder = readText(path);
    if (holder === undefined) continue;
    if (!isAlive(Number.parseInt(holder, 10))) {
      removeDeadLock(path, holder);
      continue;
    }
    if (performance.now() > deadline) {
      throw new SetupError(
        `process ${holder.split(' ')[0]} has been setting up for too long; end it or remove ${path}`,
      );
    }
    if (!told) say(`waiting for process ${holder.split(' ')[0]}, which is setting up …`);
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  }
}

/** The lock appears with its content, never empty: it is written aside and linked into place. */
function tryLock(path, mark) {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, mark);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(aside);
  }
}

/** Moves the lock aside and looks again: whoever took it over in between gets it back. */
function removeDeadLock(path, holder) {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readText(aside) !== holder) linkSync(aside, path);
  } catch {
    // Somebody else was faster.
  }
  rmSync(aside, { force: true });
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The text of a file, or undefined. */
export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Tells whoever waits; stdout belongs to the command that runs afterwards. */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}
