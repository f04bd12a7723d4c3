/**
 * The whole system as real processes: `sluice start` on free ports with a data directory of its own, and the real
 * command line against it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delay, SystemClock } from '../../src/clock/clock.ts';

export const PROGRAM: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const WAIT_MS_MAX = 30_000;
const POLL_MS = 20;
const STARTED = /clients +127\.0\.0\.1:(\d+).*HTTP +http:\/\/127\.0\.0\.1:(\d+).*Type next/s;
const NEEDS_GATE: ReadonlySet<string> = new Set(['send', 'listen', 'chat']);
const clock = new SystemClock();
const started = new Set<System>();

export interface SystemOptions {
  readonly workers?: number;
  /** Further keys: `{'gate.drainMs': '200'}`. */
  readonly config?: Readonly<Record<string, string>>;
  /** An existing data directory; a new one by default. */
  readonly dataDirectory?: string;
  /** The limit of open files of each process; the one of this process by default. */
  readonly descriptorsMax?: number;
}

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Looks again and again until `condition` holds; fails after half a minute. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = clock.monotonicMs() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (clock.monotonicMs() > deadlineMs) throw new Error(`waited in vain: ${what}`);
    await delay(clock, POLL_MS);
  }
}

/** Runs `sluice` without a system. */
export async function sluice(args: readonly string[], cwd: string = tmpdir()): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const folder = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'sluice-system-'));
  const keys = {
    'data.directory': folder,
    'gate.port': '0',
    'api.port': '0',
    'gate.workers': String(options.workers ?? 1),
    'gate.drainMs': '200',
    ...options.config,
  };
  const flags = Object.entries(keys).map(([key, value]) => `--${key}=${value}`);
  const limit = options.descriptorsMax === undefined ? '' : `ulimit -n ${options.descriptorsMax}; `;
  // The shell replaces itself: the child is the primary.
  const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, PROGRAM, 'start', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  await until(() => STARTED.test(output.stdout) || child.exitCode !== null, 'the system starts');
  const [, gatePort, httpPort] = STARTED.exec(output.stdout) ?? [];
  if (gatePort === undefined) throw new Error(`the system did not start: ${output.stdout}${output.stderr}`);
  const system = new System(folder, Number(gatePort), Number(httpPort), child, exited, output);
  started.add(system);
  return system;
}

/** Stops the systems that a failed test has left behind: for `afterEach` and `after`. */
export async function stopLeftSystems(): Promise<void> {
  await Promise.all([...started].map((system) => system.stop()));
}

export class System {
  readonly folder: string;
  readonly gatePort: number;
  readonly httpPort: number;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #output: { stdout: string; stderr: string };

  constructor(
    folder: string,
    gatePort: number,
    httpPort: number,
    child: ChildProcess,
    exited: Promise<number | null>,
    output: { stdout: string; stderr: string },
  ) {
    this.folder = folder;
    this.gatePort = gatePort;
    this.httpPort = httpPort;
    this.exited = exited;
    this.#child = child;
    this.#output = output;
  }

  /** Everything the processes have said. */
  get logs(): string {
    return this.#output.stdout + this.#output.stderr;
  }

  /** Roles by pid file: `{ 'gate-1': 123 }`. */
  get pids(): Record<string, number> {
    const run = join(this.folder, 'run');
    const files = readdirSync(run).filter((name) => name.endsWith('.pid'));
    return Object.fromEntries(files.map((name) => [name.slice(0, -4), Number(readFileSync(join(run, name), 'utf8'))]));
  }

  /** Signals a role ("logic-1"); answers its pid. */
  kill(role: string, signal: NodeJS.Signals): number {
    const pid = this.pids[role];
    if (pid === undefined) throw new Error(`${role} does not run`);
    process.kill(pid, signal);
    return pid;
  }

  /** Resolves when `role` runs under another pid than `before`. */
  replaced(role: string, before: number): Promise<void> {
    return until(() => (this.pids[role] ?? before) !== before, `${role} is replaced`);
  }

  /** Runs a command of `sluice` against this system. */
  cli(command: string, ...args: string[]): Promise<Ended> {
    return sluice([command, ...args, ...this.where(command)], this.folder);
  }

  /** The options that lead a command here. */
  where(command: string): string[] {
    if (NEEDS_GATE.has(command)) return ['--port', String(this.gatePort)];
    return command === 'push' ? ['--url', this.url('')] : [];
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.httpPort}${path}`;
  }

  /** Resolves with the exit code. */
  async stop(): Promise<number | null> {
    started.delete(this);
    this.#child.kill('SIGTERM');
    const code = await this.exited;
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}

/** What a child prints, as it comes. */
export function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  return output;
}
