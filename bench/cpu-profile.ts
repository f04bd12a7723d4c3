/** Reads V8 CPU profiles (`--cpu-prof`): where a process spent its own time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SelfTime {
  /** "flush outbox.js:129" */
  readonly name: string;
  /** Of the time the process was not idle. */
  readonly share: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const ROLES = ['primary', 'gate', 'logic', 'api'];
/** Shorter ones only started and stopped. */
const BUSY_MICROS_MIN = 1_000_000;

/** The functions with the most self time of every profile in a folder, by process; those that did little are left out. */
export function topFunctions(folder: string, count: number): Map<string, SelfTime[]> {
  const tops = new Map<string, SelfTime[]>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
    const { busy, top } = topOf(profile, count);
    if (busy >= BUSY_MICROS_MIN) tops.set(`${roleOf(profile)} (${file})`, top);
  }
  return tops;
}

function roleOf({ nodes }: Profile): string {
  return ROLES.find((role) => nodes.some(({ callFrame }) => callFrame.url.endsWith(`/${role}-role.js`))) ?? 'primary';
}

function topOf(profile: Profile, count: number): { busy: number; top: SelfTime[] } {
  const nameById = new Map(profile.nodes.map((node) => [node.id, nameOf(node)]));
  const micros = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const name = nameById.get(id) ?? '';
    micros.set(name, (micros.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0));
  }
  micros.delete('(idle)');
  const busy = [...micros.values()].reduce((sum, value) => sum + value, 0);
  const top = [...micros]
    .map(([name, value]) => ({ name, share: value / busy }))
    .sort((a, b) => b.share - a.share)
    .slice(0, count);
  return { busy, top };
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const file = url.slice(url.lastIndexOf('/') + 1);
  const name = functionName === '' ? '(anonymous)' : functionName;
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`;
}
