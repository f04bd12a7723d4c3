/** Memory of the processes under test, as they are and after a forced collection. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, delay } from '../src/clock/clock.ts';
import { type MeasuredProcess, memoryOf } from './process-usage.ts';

const POLL_MS = 20;
const ANSWER_MS_MAX = 30_000;

/** What a process needs to answer. */
export const ANSWER_FLAGS: readonly string[] = [
  '--expose-gc',
  '--import',
  fileURLToPath(new URL('./memory-probe-main.js', import.meta.url)),
];

/** With a small young generation, which keeps the steps of the heap small. */
export const PROBE_FLAGS: readonly string[] = ['--max-semi-space-size=1', ...ANSWER_FLAGS];

export interface CollectedMemory {
  readonly anonymousBytes: number;
  readonly heapUsedBytes: number;
  /** What V8 holds for its heap: more than it uses when live objects lie scattered. */
  readonly heapTotalBytes: number;
  /** Of array buffers, Node's own included. */
  readonly arrayBufferBytes: number;
}

export interface MemorySample {
  readonly name: string;
  readonly anonymousBytes: number;
  readonly rssBytes: number;
  /** After a forced collection. */
  readonly collected?: CollectedMemory;
}

/** @param directory the working directory of the processes; undefined for those without a probe. */
export async function sampleMemory(
  clock: Clock,
  processes: readonly MeasuredProcess[],
  directory: string | undefined,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  for (const { name, pid } of processes) {
    const { anonymousBytes, rssBytes } = memoryOf(pid);
    const collected = directory === undefined ? undefined : await collect(clock, pid, directory);
    samples.push({ name, anonymousBytes, rssBytes, ...(collected && { collected }) });
  }
  return samples;
}

async function collect(clock: Clock, pid: number, directory: string): Promise<CollectedMemory | undefined> {
  const file = join(directory, `memory-${pid}.json`);
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (let waitedMs = 0; waitedMs < ANSWER_MS_MAX; waitedMs += POLL_MS) {
    await delay(clock, POLL_MS);
    if (!existsSync(file)) continue;
    const { heapUsed, heapTotal, arrayBuffers } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
    return {
      anonymousBytes: memoryOf(pid).anonymousBytes,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      arrayBufferBytes: arrayBuffers,
    };
  }
  return undefined;
}
