/**
 * What processes cost, read from /proc: CPU time of all threads in microseconds, and memory by kind.
 *
 * CPU comes from `schedstat` (nanoseconds, user and system together); the ticks of `stat` are the fallback and good to
 * 10 ms. Anonymous memory is what a process has written itself, its heap and its native state: the part that grows with
 * connections. Pages shared with other processes are left out of it; the kernel's own share of a socket is not in it.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessMemory {
  readonly anonymousBytes: number;
  readonly rssBytes: number;
  readonly pssBytes: number;
}

/** A process of a system under test. */
export interface MeasuredProcess {
  /** For people: "gate 1". */
  readonly name: string;
  readonly pid: number;
}

/** CPU time of one process between two instants. */
export interface ProcessCpu {
  readonly name: string;
  readonly micros: number;
}

const TICK_MICROS = 10_000;
const KIB = 1024;

/** CPU time of all threads since the start of the process. */
export function cpuMicros(pid: number): number {
  try {
    let nanos = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number.parseInt(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8'), 10);
    }
    if (nanos > 0) return nanos / 1000;
  } catch {
    // No scheduler statistics here, or a thread has just ended.
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}

export function memoryOf(pid: number): ProcessMemory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) * KIB;
  return { anonymousBytes: bytes('Anonymous'), rssBytes: bytes('Rss'), pssBytes: bytes('Pss') };
}

/** Kernel memory in slabs, which is where sockets live; of the whole machine. */
export function kernelSlabBytes(): number {
  return Number(/^Slab:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * KIB;
}

/** CPU time of the whole machine that was not idle, since its start. */
export function machineMicros(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = fields;
  return (user + nice + system + irq + softIrq) * TICK_MICROS;
}

/** Sums CPU time over the same processes from one instant to the next. */
export class CpuMeter {
  readonly #processes: readonly MeasuredProcess[];
  #before: number[];

  constructor(processes: readonly MeasuredProcess[]) {
    this.#processes = processes;
    this.#before = processes.map(({ pid }) => cpuMicros(pid));
  }

  /** CPU time of each process since the last call. */
  lap(): ProcessCpu[] {
    const now = this.#processes.map(({ pid }) => cpuMicros(pid));
    const laps = now.map((micros, i) => ({
      name: this.#processes[i]?.name ?? '',
      micros: micros - (this.#before[i] ?? 0),
    }));
    this.#before = now;
    return laps;
  }
}

export function totalMicros(laps: readonly ProcessCpu[]): number {
  return laps.reduce((sum, lap) => sum + lap.micros, 0);
}
