/**
 * Starts real child processes. Gates are workers of node's cluster, so that they can share one listening port where the
 * runtime cannot bind it several times; logic and api are plain forks.
 */
import { type ChildProcess, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../config/environment.ts';
import type { FromChild, ToChild } from './child-messages.ts';
import type { ChildEvents, ChildHandle, ChildSpec } from './supervised-child.ts';

const ENTRY = fileURLToPath(new URL('./role-main.js', import.meta.url));

/** @param v8Flags of the role, beside those that this process was started with */
export function spawnChild(spec: ChildSpec, events: ChildEvents, v8Flags: readonly string[] = []): ChildHandle {
  const args = [spec.role, String(spec.index)];
  const execArgv = [...v8Flags, ...process.execArgv];
  const isGate = spec.role === 'gate';
  const child = isGate ? forkWorker(args, execArgv) : fork(ENTRY, args, { execArgv, env: childEnvironment() });
  return new ProcessHandle(child, events);
}

/** Asks the system to run a process before others, or like them; false when it does not let us. */
export function setProcessPriority(pid: number, isHigh: boolean): boolean {
  const { PRIORITY_HIGH, PRIORITY_NORMAL } = constants.priority;
  try {
    setPriority(pid, isHigh ? PRIORITY_HIGH : PRIORITY_NORMAL);
    return true;
  } catch {
    return false;
  }
}

function forkWorker(args: string[], execArgv: string[]): ChildProcess {
  cluster.setupPrimary({ exec: ENTRY, args, execArgv });
  return cluster.fork(childEnvironment()).process;
}

class ProcessHandle implements ChildHandle {
  readonly pid: number;
  readonly #process: ChildProcess;
  #gone = false;

  constructor(child: ChildProcess, events: ChildEvents) {
    this.#process = child;
    this.pid = child.pid ?? 0;
    child.on('message', (message) => {
      if (isOurs(message)) events.onMessage(message);
    });
    const gone = (code: number | null, signal: string | null): void => {
      if (this.#gone) return;
      this.#gone = true;
      events.onExit(code, signal);
    };
    child.on('exit', gone);
    child.on('error', () => {
      // A process that never came to be has no exit.
      if (child.pid === undefined) gone(null, 'could not be started');
    });
  }

  send(message: ToChild): void {
    // The callback takes the error of a channel that closes under way.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

/** The cluster module talks over the same channel, in messages of its own. */
function isOurs(message: unknown): message is FromChild {
  return typeof message === 'object' && message !== null && 'type' in message && !('cmd' in message);
}
