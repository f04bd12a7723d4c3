/** The main process's handle of a generator process. */
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../src/config/environment.ts';
import type { LoadTasks } from './load-tasks.ts';

export interface LoadCall {
  readonly id: number;
  readonly task: string;
  readonly args: unknown[];
}

export interface LoadAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const NICE = 10;
const ENTRY = fileURLToPath(new URL('./load-main.js', import.meta.url));

export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, Waiting> = new Map();
  #lastId = 0;

  constructor(nodeFlags: readonly string[] = []) {
    this.#child = fork(ENTRY, [], { execArgv: [...nodeFlags], serialization: 'advanced', env: childEnvironment() });
    this.#child.on('message', (message) => this.#answered(message as LoadAnswer));
    this.#child.on('exit', (code, signal) => this.#ended(`a generator process ended (${signal ?? code})`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Lets every other process of the machine go first. */
  yieldToOthers(): void {
    setPriority(this.pid, NICE);
  }

  call<Task extends keyof LoadTasks>(
    task: Task,
    ...args: Parameters<LoadTasks[Task]>
  ): Promise<Awaited<ReturnType<LoadTasks[Task]>>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, task, args } satisfies LoadCall);
    });
  }

  /** Ends the process; its connections break. */
  end(): void {
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
  }

  #answered({ id, value, error }: LoadAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  #ended(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}
