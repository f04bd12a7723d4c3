/**
 * What one more logged-in user costs logic, by kind, and how long another logic takes to read the store again: the real
 * store, session registry and session expiry, without gates.
 *
 *     node --expose-gc --initial-old-space-size=256 dist/bench/logic-memory.js [--users 100000] [--steps 4]
 *
 * Sessions come first by themselves, then with the store, in a process each. Slopes over the steps, after a forced
 * collection: live JavaScript objects, array buffers, and anonymous memory, which is what the system pays.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { SessionExpiry } from '../src/logic/session-expiry.ts';
import { Durability } from '../src/model/durability.ts';
import type { AppId, DeviceId, DeviceType, Epoch, Generation, Seq, Uid } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { SessionRegistry } from '../src/session/session-registry.ts';
import { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import {
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  NewDeviceStart,
  type Operation,
  OperationType,
  SessionPolicy,
} from '../src/store/store.ts';
import type { TrunkLink } from '../src/trunk/trunk-link.ts';
import { slope } from './statistics.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '100000' },
    steps: { type: 'string', default: '4' },
    part: { type: 'string', default: '' },
  },
});
const USERS = Number(values.users);
const STEPS = Number(values.steps);
const IN_FLIGHT = 256;
const SLOTS_OF_A_GATE = 18_000;
const SETTLE_MS = 200;
const PARTITIONS = 64;
const TICKET_KEY_BYTES = 24;
const AGE_S = 86_400;
const clock = new SystemClock();
const random = new SystemRandom();

interface Memory {
  readonly users: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly arrayBuffers: number;
  readonly anonymous: number;
}

/** A string of its own, as a decoder makes one from bytes. */
function decoded(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

class Sessions {
  readonly #registry = new SessionRegistry<TrunkLink>();
  readonly #expiry = new SessionExpiry(clock, () => {});
  readonly #links: TrunkLink[] = [];

  open(number: number, app: AppId, uid: Uid, deviceType: DeviceType, deviceId: DeviceId, generation: Generation): void {
    const slot = number % SLOTS_OF_A_GATE;
    const gate = Math.floor(number / SLOTS_OF_A_GATE);
    this.#links[gate] ??= {} as TrunkLink;
    const place = { link: this.#links[gate], slot, serial: 1 };
    const identity = { app, uid, deviceType, deviceId, generation, capabilities: 0 };
    const nowS = Math.floor(clock.wallMs() / 1000);
    const session = this.#registry.open(identity, place, partitionOf(app, uid, PARTITIONS), 1, 0, nowS);
    this.#expiry.set(session, nowS + AGE_S);
  }

  stop(): void {
    this.#expiry.stop();
  }
}

function loginOf(number: number): LoginOperation {
  return {
    type: OperationType.Login,
    app: decoded('development') as AppId,
    uid: decoded(`user-${number}-a1b2c3`) as Uid,
    deviceType: decoded('bench') as DeviceType,
    deviceId: decoded(`device-${number}`) as DeviceId,
    intent: LoginIntent.Fresh,
    lastGeneration: 0 as Generation,
    issuedAtMs: clock.wallMs(),
    ticket: undefined,
    nextTicket: new Uint8Array(random.bytes(TICKET_KEY_BYTES)),
    ticketLifetimeMs: AGE_S * 1000,
    sessionExpiresAtS: Math.floor(clock.wallMs() / 1000) + AGE_S,
    policy: SessionPolicy.OnePerType,
    newDeviceStart: NewDeviceStart.Head,
    context: number,
    status: LoginStatus.Current,
    generation: 0 as Generation,
    displaced: [],
    epoch: 0 as Epoch,
    head: 0 as Seq,
    floor: 0 as Seq,
    cursor: 0 as Seq,
  };
}

function openStore(directory: string): EmbeddedStore {
  const retention = () => ({ ageMs: AGE_S * 30_000, countMax: 10_000 });
  return new EmbeddedStore({
    disk: new NodeDisk(directory),
    clock,
    random,
    durability: Durability.Memory,
    retention,
    partitions: PARTITIONS,
  });
}

async function measure(users: number): Promise<Memory> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await delay(clock, SETTLE_MS);
  }
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const anonymous = Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
  const { heapUsed, heapTotal, arrayBuffers } = process.memoryUsage();
  return { users, heapUsed, heapTotal, arrayBuffers, anonymous };
}

function report(part: string, steps: readonly Memory[]): void {
  const of = (name: keyof Memory): string =>
    slope(steps.map((step) => [step.users, step[name]] as const))
      .toFixed(0)
      .padStart(6);
  console.log(
    `${part.padEnd(22)} heap${of('heapUsed')} B  heap held${of('heapTotal')} B  arrays${of('arrayBuffers')} B  anonymous${of('anonymous')} B`,
  );
}

async function sessionsAlone(): Promise<void> {
  const sessions = new Sessions();
  const steps: Memory[] = [];
  for (let number = 0; number < USERS; ) {
    const { app, uid, deviceType, deviceId } = loginOf(number);
    sessions.open(number++, app, uid, deviceType, deviceId, 1 as Generation);
    if (number % (USERS / STEPS) === 0) steps.push(await measure(number));
  }
  sessions.stop();
  report('sessions', steps);
}

async function withStore(hasSessions: boolean): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-logic-memory-'));
  const store = openStore(directory);
  const sessions = new Sessions();
  let submitted = 0;
  let done = 0;
  let limit = 0;
  let reached = (): void => {};
  const submit = (): void => {
    while (submitted < limit && submitted - done < IN_FLIGHT) store.submit(loginOf(submitted++));
  };
  await store.open({
    committed(batch: readonly Operation[]) {
      for (const operation of batch as LoginOperation[]) {
        const { app, uid, deviceType, deviceId, generation, context } = operation;
        if (hasSessions) sessions.open(context as number, app, uid, deviceType, deviceId, generation);
        done++;
      }
      submit();
      if (done === limit) reached();
    },
    refused: () => {
      throw new Error('a login was refused');
    },
    failed: (error: Error) => {
      throw error;
    },
  });
  const steps: Memory[] = [];
  for (let step = 1; step <= STEPS; step++) {
    limit = (USERS / STEPS) * step;
    const full = new Promise<void>((resolve) => {
      reached = resolve;
    });
    submit();
    await full;
    steps.push(await measure(limit));
  }
  report(hasSessions ? 'sessions and store' : 'store', steps);
  sessions.stop();
  await store.close();
  const again = openStore(directory);
  const startMs = clock.monotonicMs();
  await again.open({ committed() {}, refused() {}, failed() {} });
  console.log(`${''.padEnd(22)} opened again in ${(clock.monotonicMs() - startMs).toFixed(0)} ms`);
  await again.close();
  rmSync(directory, { recursive: true, force: true });
}

if (values.part === 'sessions') await sessionsAlone();
else if (values.part === 'store') await withStore(false);
else if (values.part === 'both') await withStore(true);
else {
  for (const part of ['sessions', 'store', 'both']) {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--part', part]);
    await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  }
}
