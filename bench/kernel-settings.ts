/**
 * What the system must allow before a machine holds very many connections. The bench raises what it may raise, puts it
 * back at the end, and says what it may not: a container often sees these files but cannot write them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { openFilesMax } from './machine.ts';

interface Wish {
  readonly name: string;
  /** One number or several, as the file holds them; each is raised, never lowered. */
  readonly values: readonly number[];
  /** The first number is better when it is smaller: the lower end of a range. */
  readonly firstDown?: boolean;
}

export interface KernelSettings {
  /** Lines for people. */
  readonly said: readonly string[];
  readonly restore: () => void;
}

/** Both ends of every connection are on this machine, and both hold a descriptor. */
const ENDS = 2;
const DESCRIPTORS_BESIDE = 100_000;
const PAGE_BYTES = 4096;
/** Of the machine's memory, for socket buffers. */
const TCP_MEMORY_PART = 0.25;

/** Raises the limits for so many connections. */
export function raiseKernelSettings(connections: number, memoryBytes: number): KernelSettings {
  const said = [`open files of a process: ${openFilesMax()} (set by who starts the bench)`];
  const enough: string[] = [];
  const undo: (() => void)[] = [];
  for (const wish of wishes(connections, memoryBytes)) {
    const file = `/proc/sys/${wish.name.replaceAll('.', '/')}`;
    const before = read(file);
    if (before === undefined) continue;
    const wanted = wish.values.map((value, i) => better(value, before[i] ?? 0, wish.firstDown === true && i === 0));
    if (wanted.every((value, i) => value === before[i])) {
      enough.push(`${wish.name} ${before.join(' ')}`);
      continue;
    }
    const change = `${wish.name}: ${before.join(' ')} → ${wanted.join(' ')}`;
    if (write(file, wanted)) {
      undo.push(() => write(file, before));
      said.push(change);
    } else said.push(`${change} is wanted and not allowed`);
  }
  if (enough.length > 0) said.push(`high enough: ${enough.join(', ')}`);
  return { said, restore: () => undo.forEach((each) => each()) };
}

function wishes(connections: number, memoryBytes: number): Wish[] {
  const files = connections * ENDS + DESCRIPTORS_BESIDE;
  const pages = Math.round((memoryBytes * TCP_MEMORY_PART) / PAGE_BYTES);
  return [
    { name: 'fs.nr_open', values: [1_048_576] },
    { name: 'fs.file-max', values: [files] },
    { name: 'net.core.somaxconn', values: [8192] },
    { name: 'net.ipv4.tcp_max_syn_backlog', values: [16_384] },
    { name: 'net.ipv4.ip_local_port_range', values: [1024, 65_535], firstDown: true },
    { name: 'net.ipv4.tcp_mem', values: [Math.round(pages / 2), Math.round(pages * 0.75), pages] },
    { name: 'net.ipv4.tcp_migrate_req', values: [1] },
    { name: 'net.netfilter.nf_conntrack_max', values: [files] },
  ];
}

function better(wanted: number, present: number, down: boolean): number {
  return down ? Math.min(wanted, present) : Math.max(wanted, present);
}

function read(file: string): number[] | undefined {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/).map(Number);
  } catch {
    return undefined;
  }
}

function write(file: string, values: readonly number[]): boolean {
  try {
    writeFileSync(file, values.join(' '));
    return true;
  } catch {
    return false;
  }
}
