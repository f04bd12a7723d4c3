/**
 * Faults in a program's own system calls, by `strace`: delayed or failing fsyncs, death at the Nth write.
 *
 * Node does file work on pool threads, and strace counts `when` for each thread apart; so the traced program gets one
 * pool thread, which makes the count exact, and no io_uring, which would hide the calls. `only` restricts faults to
 * given files, which strace compares by path: directories do not work.
 *
 * The tracer is a detached grandchild (-D): the child process is the program itself, with its own pid, output and exit.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { type Environment, processEnvironment } from '../../src/config/environment.ts';

export interface SyscallFault {
  /** As strace names them: `fdatasync`, `pwrite64`, `pwritev`. */
  readonly syscalls: readonly string[];
  /** Before the call is carried out. */
  readonly delayMs?: number;
  /** The call does nothing and fails with this: `EIO`, `ENOSPC`. */
  readonly error?: string;
  /** Sent when the call is entered: `KILL`. Whether the call itself is still carried out is open. */
  readonly signal?: string;
  /** From the Nth such call on: `3` only the third, `3+` from it on, `3+2` every second from it. Every call when left out. */
  readonly when?: string;
}

export interface TraceOptions {
  readonly faults: readonly SyscallFault[];
  /** Files that the faults are restricted to; every file when left out. */
  readonly only?: readonly string[];
  /** Where the traced calls are written; nowhere when left out. */
  readonly log?: string;
}

/** Why strace cannot be used here; undefined when it can. */
export function straceProblem(): string | undefined {
  const inject = ['-e', 'trace=getppid', '-e', 'inject=getppid:error=EIO:when=1'];
  const tried = spawnSync('strace', ['-D', '-f', '-qq', '-o', '/dev/null', ...inject, 'true'], { encoding: 'utf8' });
  if (tried.error !== undefined) return `strace cannot be started: ${tried.error.message}`;
  if (tried.status === 0) return undefined;
  return `strace may not trace here (ptrace is not allowed, or it knows no fault injection): ${tried.stderr.trim()}`;
}

/** What strace is told, without the program. */
export function straceArguments(options: TraceOptions): string[] {
  const syscalls = [...new Set(options.faults.flatMap((fault) => fault.syscalls))];
  return [
    ...['-f', '-qq', '-o', options.log ?? '/dev/null'],
    ...(options.only ?? []).flatMap((path) => ['-P', path]),
    ...['-e', `trace=${syscalls.join(',')}`],
    ...options.faults.flatMap((fault) => ['-e', injection(fault)]),
  ];
}

/** Starts a program under faults. The child is the program, not the tracer. */
export function spawnWithFaults(
  command: string,
  args: readonly string[],
  options: TraceOptions,
  spawnOptions: SpawnOptions = {},
): ChildProcess {
  const env = tracedEnvironment(spawnOptions.env ?? processEnvironment());
  return spawn('strace', ['-D', ...straceArguments(options), command, ...args], { ...spawnOptions, env });
}

/**
 * Puts a running process under faults; the child is the tracer, and the faults end when it is ended with SIGTERM. The
 * process must have been started with `tracedEnvironment` for its calls to be seen and counted exactly.
 */
export function attachWithFaults(pid: number, options: TraceOptions): ChildProcess {
  return spawn('strace', [...straceArguments(options), '-p', String(pid)], { stdio: 'ignore' });
}

export function tracedEnvironment(environment: Environment): NodeJS.ProcessEnv {
  return { ...environment, UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1' };
}

/** True when some tracer holds the process. */
export function isTraced(status: string): boolean {
  return /^TracerPid:\s*[1-9]/m.test(status);
}

function injection(fault: SyscallFault): string {
  const parts = [`inject=${fault.syscalls.join(',')}`];
  if (fault.error !== undefined) parts.push(`error=${fault.error}`);
  if (fault.signal !== undefined) parts.push(`signal=${fault.signal}`);
  if (fault.delayMs !== undefined) parts.push(`delay_enter=${Math.round(fault.delayMs * 1000)}`);
  if (fault.when !== undefined) parts.push(`when=${fault.when}`);
  return parts.join(':');
}
