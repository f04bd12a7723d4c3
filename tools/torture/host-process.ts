/** The conductor's side of a client host: starts it, kills it, starts it again, asks it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromHost, HostReport, HostStart, ToHost } from './host-messages.ts';

const PROGRAM = fileURLToPath(new URL('./client-host.js', import.meta.url));

export function historyPath(folder: string, host: string, run: number): string {
  return join(folder, `${host}-${run}.history`);
}

export class HostProcess {
  readonly start: Omit<HostStart, 'type' | 'run'>;
  /** Why it ended without being told to. */
  failure: string | undefined;
  kills = 0;
  #run = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #expectsExit = false;
  #lastReport: HostReport | undefined;
  readonly #earlier: HostReport[] = [];
  readonly #requests: Map<number, (report: HostReport | undefined) => void> = new Map();
  #nextRequest = 1;

  constructor(start: Omit<HostStart, 'type' | 'run'>) {
    this.start = start;
  }

  /** The histories of all runs. */
  get histories(): string[] {
    const { folder, spec } = this.start;
    return Array.from({ length: this.#run }, (_, index) => historyPath(folder, spec.name, index + 1));
  }

  /** What the runs that were killed had last told. */
  get earlierReports(): readonly HostReport[] {
    return this.#earlier;
  }

  get lastReport(): HostReport | undefined {
    return this.#lastReport;
  }

  /** Resolves when its devices are made. */
  spawn(): Promise<void> {
    this.#run += 1;
    this.#expectsExit = false;
    const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    this.#exited = once(child, 'exit').then(([code, signal]) => this.#ended(code, signal));
    return new Promise((settle) => {
      child.on('message', (message: FromHost) => {
        if (message.type === 'hello') this.#send({ ...this.start, type: 'start', run: this.#run });
        else if (message.type === 'ready') settle();
        else this.#reported(message.request, message.report);
      });
      void this.#exited.then(settle);
    });
  }

  async kill(): Promise<void> {
    await this.report();
    this.kills += 1;
    this.#expectsExit = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
    if (this.#lastReport !== undefined) this.#earlier.push(this.#lastReport);
    this.#lastReport = undefined;
  }

  /** Undefined when it does not run. */
  report(): Promise<HostReport | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const request = this.#nextRequest++;
      this.#requests.set(request, resolve);
      this.#send({ type: 'report', request });
    });
  }

  tell(message: ToHost): void {
    this.#send(message);
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    await this.report();
    this.#expectsExit = true;
    this.#send({ type: 'end' });
    await this.#exited;
  }

  /** Ends it at once, whatever it does. */
  destroy(): void {
    this.#expectsExit = true;
    this.#child?.kill('SIGKILL');
  }

  #send(message: ToHost): void {
    this.#child?.send(message, () => {});
  }

  #reported(request: number, report: HostReport): void {
    this.#lastReport = report;
    this.#requests.get(request)?.(report);
    this.#requests.delete(request);
  }

  #ended(code: number | null, signal: string | null): void {
    this.#child = undefined;
    for (const resolve of this.#requests.values()) resolve(undefined);
    this.#requests.clear();
    const wasKilled = this.#expectsExit && signal === 'SIGKILL';
    if (!wasKilled && code !== 0) this.failure = `the clients of ${this.start.spec.name} ended with ${signal ?? code}`;
  }
}
