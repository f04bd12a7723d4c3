/**
 * A whole Sluice as an operator runs it: `sluice start` on free ports, with its data in a temporary folder, under any
 * runtime and configuration. Its processes are found by their pid files.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delay, SystemClock } from '../src/clock/clock.ts';
import type { MeasuredProcess } from './process-usage.ts';
import { ownRuntime, type Runtime } from './runtime.ts';

export interface SluiceOptions {
  readonly gateWorkers: number;
  readonly runtime?: Runtime;
  /** Flags for every process of the system: "--cpu-prof". */
  readonly nodeFlags?: readonly string[];
  /** Configuration keys and values: { 'store.durability': 'os' }. */
  readonly config?: Readonly<Record<string, string>>;
  /** Where every gate listens; more than one address of the machine when "0.0.0.0". */
  readonly host?: string;
}

const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const START_MS_MAX = 60_000;
const POLL_MS = 25;
const PID_FILE_SUFFIX = '.pid';
const clock = new SystemClock();

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

export class SluiceSystem {
  readonly host = '127.0.0.1';
  readonly gatePort: number;
  readonly apiPort: number;
  readonly runtime: Runtime;
  /** The data folder; gone after `stop`. */
  readonly directory: string;
  readonly #process: ChildProcess;
  #output = '';

  private constructor(options: SluiceOptions, gatePort: number, apiPort: number) {
    this.gatePort = gatePort;
    this.apiPort = apiPort;
    this.runtime = options.runtime ?? ownRuntime();
    this.directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
    const settings: Record<string, string> = {
      'gate.host': options.host ?? this.host,
      'gate.port': String(gatePort),
      'gate.workers': String(options.gateWorkers),
      'api.port': String(apiPort),
      'data.directory': join(this.directory, 'data'),
      'log.level': 'warn',
      ...options.config,
    };
    const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
    // The folder is also where profiles land.
    this.#process = spawn(this.runtime.path, [...(options.nodeFlags ?? []), PROGRAM, 'start', ...flags], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (bytes: Buffer): void => {
      this.#output = (this.#output + String(bytes)).slice(-10_000);
    };
    this.#process.stdout?.on('data', collect);
    this.#process.stderr?.on('data', collect);
  }

  static async start(options: SluiceOptions): Promise<SluiceSystem> {
    const system = new SluiceSystem(options, await freePort(), await freePort());
    await system.#ready(options.gateWorkers);
    return system;
  }

  /** All processes, by their pid files. */
  processes(): MeasuredProcess[] {
    const run = join(this.directory, 'data', 'run');
    if (!existsSync(run)) return [];
    return readdirSync(run)
      .filter((file) => file.endsWith(PID_FILE_SUFFIX))
      .map((file) => ({
        name: file.slice(0, -PID_FILE_SUFFIX.length).replace('-', ' '),
        pid: Number.parseInt(readFileSync(join(run, file), 'utf8'), 10),
      }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /** What the processes have said last. */
  get output(): string {
    return this.#output;
  }

  /** One metric, summed over its labels. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.apiPort}/metrics`)).text();
    const sums = new Map<string, number>();
    for (const match of text.matchAll(/^(\w+)(?:\{[^}]*\})? ([-+.\deE]+)$/gm)) {
      sums.set(match[1] ?? '', (sums.get(match[1] ?? '') ?? 0) + Number(match[2]));
    }
    return sums;
  }

  /** Stops in order and removes the data; what the processes left in the folder can be looked at before. */
  async stop(beforeRemoval: () => void = () => {}): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
      this.#process.kill('SIGTERM');
      await ended;
    }
    beforeRemoval();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Ends all processes at once, the primary first, and removes the data. */
  kill(): void {
    const primary = this.processes().filter(({ name }) => name === 'primary');
    for (const { pid } of [...primary, ...this.processes()]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has gone by itself.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #ready(gateWorkers: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += POLL_MS) {
      if (this.#process.exitCode !== null) break;
      const names = this.processes().map(({ name }) => name);
      if (names.includes('primary') && names.filter((name) => name.startsWith('gate')).length === gateWorkers) return;
      await delay(clock, POLL_MS);
    }
    this.#process.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    throw new Error(`sluice did not start:\n${this.#output}`);
  }
}
