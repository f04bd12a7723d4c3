/**
 * The answer to "which gates may I dial". An app whose gates name it is sent to those; every other one, and also this one
 * while none of its own lives, to the gates that are for all. Whether an app exists is not looked at, so the answer does
 * not tell.
 */
import type { Random } from '../clock/random.ts';
import type { GateEntry } from '../registry/registry.ts';
import { type Candidate, candidatesAmong, chooseGates, hashOf } from './gate-choice.ts';

export interface IplistTimes {
  readonly heartbeatMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  readonly ttlMs: number;
}

export interface IplistOptions {
  readonly random: Random;
  readonly gates: GateSource;
  readonly gatesMax: number;
  readonly times: IplistTimes;
}

/** The gates whose lease has not ended; another array whenever something has changed. */
export interface GateSource {
  readonly live: readonly GateEntry[];
}

/** As it stands in JSON. */
export interface IplistAnswer {
  /** `host:port`, in the order in which to try them. */
  readonly gates: readonly string[];
  readonly heartbeatMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly ttlMs: number;
}

/** The group of gates that name no app. */
const ALL_APPS = '';
const HASH_SPAN = 2 ** 32;

export class Iplist {
  readonly #options: IplistOptions;
  #seen: readonly GateEntry[] | undefined;
  /** By app; bounded by what gates name, whatever clients ask for. */
  #groups: ReadonlyMap<string, readonly Candidate[]> = new Map();

  constructor(options: IplistOptions) {
    this.#options = options;
  }

  /** Undefined when no gate is there. @param uid '' when the asker does not say: then by chance */
  answer(app: string, uid: string): IplistAnswer | undefined {
    const { random, gatesMax, times } = this.#options;
    const candidates = this.#candidates(app);
    if (candidates.length === 0) return undefined;
    const seed = uid === '' ? Math.floor(random.fraction() * HASH_SPAN) : hashOf(app, uid);
    const { heartbeatMs, backoffBaseMs: baseMs, backoffMaxMs: maxMs, ttlMs } = times;
    return { gates: chooseGates(candidates, seed, gatesMax), heartbeatMs, backoff: { baseMs, maxMs }, ttlMs };
  }

  #candidates(app: string): readonly Candidate[] {
    const { live } = this.#options.gates;
    if (live !== this.#seen) {
      this.#seen = live;
      this.#groups = groupsOf(live);
    }
    return this.#groups.get(app) ?? this.#groups.get(ALL_APPS) ?? [];
  }
}

/** Only groups in which there is somebody to dial. */
function groupsOf(gates: readonly GateEntry[]): Map<string, Candidate[]> {
  const byApp = new Map<string, GateEntry[]>();
  for (const gate of gates) {
    for (const app of gate.apps.length === 0 ? [ALL_APPS] : gate.apps) {
      const group = byApp.get(app);
      if (group === undefined) byApp.set(app, [gate]);
      else group.push(gate);
    }
  }
  const groups = new Map<string, Candidate[]>();
  for (const [app, group] of byApp) {
    const candidates = candidatesAmong(group);
    if (candidates.length > 0) groups.set(app, candidates);
  }
  return groups;
}
