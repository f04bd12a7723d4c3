/**
 * Entries as JSON. What is written by another version may have more fields, which are ignored; an entry that lacks one
 * or makes no sense is left out, and nobody else suffers.
 */
import { parseAddress } from '../config/addresses.ts';
import type { GateEntry, LogicEntry, RegistryEntry } from './registry.ts';

const NAME_LENGTH_MAX = 64;

/** One kind of entries. */
export interface EntryKind<Entry extends RegistryEntry> {
  readonly name: 'gates' | 'logics';
  /** Two entries with one id are one. */
  idOf(entry: Entry): string;
  /** Undefined for a text that is no entry. */
  read(text: string): Entry | undefined;
}

/** Gates of several machines may have one address (that of a load balancer) and one name. */
export const GATES: EntryKind<GateEntry> = { name: 'gates', idOf: (gate) => gate.bootId, read: readGate };
export const LOGICS: EntryKind<LogicEntry> = { name: 'logics', idOf: (logic) => logic.name, read: readLogic };

export function writeEntry(entry: RegistryEntry): string {
  return JSON.stringify(entry);
}

function readGate(text: string): GateEntry | undefined {
  const given = parsed(text);
  const entry = given === undefined ? undefined : commonOf(given);
  if (given === undefined || entry === undefined) return undefined;
  const { apps, connections, connectionsMax, draining } = given;
  const isList = Array.isArray(apps) && apps.every((app) => typeof app === 'string');
  if (!isList || !isCount(connections) || !isCount(connectionsMax) || typeof draining !== 'boolean') return undefined;
  return { ...entry, apps: apps as string[], connections, connectionsMax, draining };
}

function readLogic(text: string): LogicEntry | undefined {
  const given = parsed(text);
  return given === undefined ? undefined : commonOf(given);
}

function commonOf({ name, bootId, address }: Record<string, unknown>): RegistryEntry | undefined {
  if (!isName(name) || !isName(bootId) || typeof address !== 'string') return undefined;
  return parseAddress(address) === undefined ? undefined : { name, bootId, address };
}

function isName(given: unknown): given is string {
  return typeof given === 'string' && given.length >= 1 && given.length <= NAME_LENGTH_MAX;
}

function isCount(given: unknown): given is number {
  return Number.isSafeInteger(given) && (given as number) >= 0;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const given: unknown = JSON.parse(text);
    return typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
