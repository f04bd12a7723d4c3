/**
 * What a seed makes of a run: how large the world is, what its software is told, and which faults come how often. Each
 * fault kind is on or off by itself, so that many runs are rough in one way and calm in all others.
 */
import { SeededRandom } from '../../test/support/seeded-random.ts';

export type StoreKind = 'model' | 'embedded' | 'mixed';
export type SessionPolicyName = 'one-per-type' | 'one-per-user' | 'many';

/** Deliberate defects, to see that they are found. */
export type Mutation = 'none' | 'early-ack' | 'forgets-dedupe' | 'lying-disk';

/** Each with its mean interval in seconds, when it is on. */
export const FAULT_INTERVALS_S = {
  logicKill: 12,
  logicPower: 20,
  logicStop: 20,
  logicPause: 15,
  logicCommitKill: 15,
  storeFailure: 20,
  diskFull: 20,
  diskSlow: 10,
  gateKill: 12,
  gateStop: 20,
  gatePower: 25,
  gatePause: 15,
  trunkCut: 10,
  trunkSilence: 15,
  clientKill: 4,
  clientPower: 8,
  clientClose: 8,
  clientPause: 8,
  clientReconnect: 10,
  linkCut: 3,
  linkSilence: 6,
  clockStep: 10,
} as const;
export type FaultKind = keyof typeof FAULT_INTERVALS_S;

export interface Plan {
  readonly seed: number;
  readonly store: 'model' | 'embedded';
  readonly chaosMs: number;
  readonly users: number;
  readonly gates: number;
  readonly policy: SessionPolicyName;
  readonly newDeviceStart: 'floor' | 'head';
  readonly sendIntervalMs: number;
  readonly payloadBytesMax: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly syncPageMessages: number;
  readonly retentionCount: number;
  readonly commitMsMax: number;
  /** A restart of the model raises its epochs this often. */
  readonly epochRises: number;
  readonly durability: 'os' | 'disk';
  readonly handlerFails: number;
  readonly handlerMsMax: number;
  readonly latencyMsMax: number;
  readonly piecesMax: number;
  readonly byteByByte: number;
  readonly bufferBytes: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
}

export function drawPlan(seed: number, store: StoreKind): Plan {
  const random = new SeededRandom(Math.imul(seed + 1, 0x27d4eb2f));
  const pick = <Value>(...values: readonly Value[]): Value => values[random.below(values.length)] as Value;
  const sometimes = (chance: number, value: number): number => (random.fraction() < chance ? value : 0);
  const durability = pick<'os' | 'disk'>('disk', 'disk', 'disk', 'os');
  const drawn = pick<'model' | 'embedded'>('model', 'embedded');
  const chosen = store === 'mixed' ? drawn : store;
  const epochRises = sometimes(0.25, 0.5);
  return {
    seed,
    store: chosen,
    chaosMs: pick(20_000, 40_000, 60_000),
    users: 3 + random.below(4),
    gates: 1 + random.below(3),
    policy: pick<SessionPolicyName>('one-per-type', 'one-per-type', 'many', 'one-per-user'),
    // What lay before the head of another epoch is not known to the checker.
    newDeviceStart: chosen === 'model' && epochRises === 0 ? pick<'floor' | 'head'>('floor', 'head') : 'floor',
    sendIntervalMs: pick(100, 300, 1000),
    payloadBytesMax: pick(40, 40, 400, 6000),
    heartbeatMs: pick(3000, 10_000),
    ackTimeoutMs: pick(2000, 10_000),
    windowMessages: pick(2, 8, 64),
    windowBytes: pick(2048, 262_144),
    syncPageMessages: pick(1, 3, 20),
    retentionCount: pick(100_000, 100_000, 100_000, 25),
    commitMsMax: pick(1, 5, 50),
    epochRises,
    durability,
    handlerFails: sometimes(0.3, 0.05),
    handlerMsMax: pick(0, 0, 20, 400),
    latencyMsMax: pick(1, 20, 200),
    piecesMax: pick(1, 1, 3),
    byteByByte: sometimes(0.2, 0.3),
    bufferBytes: pick(1024, 65_536, 262_144),
    faults: drawFaults(random),
  };
}

/** A third of the kinds, each at up to three times its usual rate. */
function drawFaults(random: SeededRandom): Map<FaultKind, number> {
  const faults = new Map<FaultKind, number>();
  const share = random.fraction() * 0.6;
  for (const [kind, seconds] of Object.entries(FAULT_INTERVALS_S)) {
    const intervalMs = (seconds * 1000) / (0.5 + 2.5 * random.fraction());
    if (random.fraction() < share) faults.set(kind as FaultKind, intervalMs);
  }
  return faults;
}
