/** `sluice gate`, `logic` and `api` as real processes on 127.0.0.1, one folder each. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collect, PROGRAM, until } from './system.ts';

export type Role = 'gate' | 'logic' | 'api';

const RUNNING = /^Sluice (gate|logic|api) is running/m;
const CLIENTS = /clients +[\d.]+:(\d+)/;
const HTTP = /HTTP +(http:\/\/[\d.]+:\d+)/;
const started = new Set<RoleProcess>();

/**
 * Resolves when the role says that it runs.
 * @param keys `{'trunk.listen': '127.0.0.1:7500'}`
 * @param env variables beside those of this process
 * @param launcher what the command line begins with: `['nsenter', …]`
 */
export async function startRole(
  role: Role,
  keys: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
  launcher: readonly string[] = [],
): Promise<RoleProcess> {
  const folder = mkdtempSync(join(tmpdir(), `sluice-${role}-`));
  const all = {
    'data.directory': folder,
    'gate.port': '0',
    'gate.workers': '1',
    'gate.drainMs': '500',
    'api.port': '0',
    'admin.gatePort': '0',
    'admin.logicPort': '0',
    ...keys,
  };
  const flags = Object.entries(all).map(([key, value]) => `--${key}=${value}`);
  const [command, ...args] = [...launcher, process.execPath, PROGRAM, role, ...flags] as [string, ...string[]];
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = new RoleProcess(folder, child, keys['admin.key'] ?? keys['api.key'] ?? '');
  started.add(running);
  await until(() => RUNNING.test(running.logs) || running.ended, `${role} starts`);
  if (running.ended) throw new Error(`${role} did not start: ${running.logs}`);
  return running;
}

/** Ends what a failed test has left behind: for `after`. */
export async function stopLeftRoles(): Promise<void> {
  await Promise.all([...started].map((role) => role.stop()));
}

export class RoleProcess {
  readonly folder: string;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #key: string;
  readonly #output: { stdout: string; stderr: string };

  constructor(folder: string, child: ChildProcess, key: string) {
    this.folder = folder;
    this.#child = child;
    this.#key = key;
    this.#output = collect(child);
    this.exited = once(child, 'exit').then(([code]) => code as number | null);
  }

  get logs(): string {
    return this.#output.stdout + this.#output.stderr;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Where clients dial. */
  get gatePort(): number {
    return Number(CLIENTS.exec(this.#output.stdout)?.[1]);
  }

  url(path: string): string {
    return `${HTTP.exec(this.#output.stdout)?.[1]}${path}`;
  }

  /** The first sample of that name; NaN when there is none. */
  async metric(name: string): Promise<number> {
    const answer = await fetch(this.url('/metrics'), { headers: { authorization: `Bearer ${this.#key}` } });
    const sample = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(await answer.text());
    return Number(sample?.[1] ?? Number.NaN);
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(this.url('/readyz')).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
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
