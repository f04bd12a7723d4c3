/**
 * One run: a world after a plan, chaos, calm, and then the judgement.
 *
 *   0 ─ start ─────── chaos: sends, reads, faults ───────▏calm ── until all is quiet and settled ─▏audit ─▏check
 *                                                          liveness: within CALM_MS_MAX            safety
 *
 * The audit is one more device per user that reads everything that the store has, as a new phone does.
 */
import type { AppId, Uid } from '../../src/model/ids.ts';
import { checkHistory } from '../history/checker.ts';
import { History } from '../history/history.ts';
import { MemoryRecorder } from '../history/recorder.ts';
import type { Report } from '../history/report.ts';
import { BackEnd } from './back-end.ts';
import { Chaos, natureOf } from './chaos.ts';
import { Device, type DeviceOptions } from './device.ts';
import { Network } from './network.ts';
import { drawPlan, type Mutation, type Plan, type StoreKind } from './plan.ts';
import { APP, Servers } from './servers.ts';
import { storeMachine } from './store-machine.ts';
import { World } from './world.ts';

export interface SimOptions {
  readonly seed: number;
  readonly store: StoreKind;
  readonly keepsTrace?: boolean;
  readonly mutation?: Mutation;
}

export interface SimResult {
  readonly plan: Plan;
  /** Promises that were broken. */
  readonly report: Report;
  /** Errors that nobody caught, and sessions that should not be. */
  readonly faults: readonly string[];
  /** What did not come to rest in time. */
  readonly stuck: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly trace: readonly string[];
}

const CALM_MS_MAX = 300_000;
const AUDIT_MS_MAX = 120_000;
const LOOK_MS = 500;
const START_MS_MAX = 3000;
const PUSH_SHARE = 0.15;
const REPEAT_SHARE = 0.05;

export async function simulate(options: SimOptions): Promise<SimResult> {
  const simulation = new Simulation(options);
  const onRejection = (reason: unknown): void => simulation.world.fault('a promise', reason);
  process.on('unhandledRejection', onRejection);
  try {
    return await simulation.run();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

export function isGood({ report, faults, stuck }: SimResult): boolean {
  return report.ok && faults.length === 0 && stuck.length === 0;
}

class Simulation {
  readonly world: World;
  readonly #plan: Plan;
  readonly #history = new History();
  readonly #recorder: MemoryRecorder;
  readonly #network: Network;
  readonly #servers: Servers;
  readonly #backEnd: BackEnd;
  readonly #devices: Device[];
  readonly #chaos: Chaos;
  #isCalm = false;

  constructor(options: SimOptions) {
    const plan = drawPlan(options.seed, options.store);
    const world = new World(options.seed, options.keepsTrace);
    this.world = world;
    this.#plan = plan;
    this.#recorder = new MemoryRecorder(this.#history);
    this.#network = new Network(world, natureOf(plan, world));
    const machine = storeMachine(plan, world.random, options.mutation ?? 'none');
    this.#servers = new Servers(world, this.#network, plan, machine);
    this.#backEnd = new BackEnd(world, this.#network, this.#recorder);
    this.#devices = this.#drawDevices();
    const parts = { world, network: this.#network, servers: this.#servers, machine, devices: this.#devices };
    this.#chaos = new Chaos(parts, plan);
  }

  async run(): Promise<SimResult> {
    const { world } = this;
    this.#servers.start();
    for (const device of this.#devices) {
      world.at(undefined, START_MS_MAX * world.random.fraction(), 'start', () => device.start());
      this.#sendLater(device);
    }
    this.#chaos.start();
    await world.run(this.#plan.chaosMs);
    this.#isCalm = true;
    this.#chaos.stop();
    let stuck = await this.#quiet(this.#devices, CALM_MS_MAX);
    if (stuck.length === 0) {
      await this.#judgeSessions();
      await this.#markEnds(this.#devices);
      stuck = await this.#audit();
    }
    return {
      plan: this.#plan,
      report: checkHistory(this.#history),
      faults: world.faults,
      stuck,
      hash: world.trace.hash,
      events: world.trace.events,
      virtualMs: world.nowMs,
      trace: world.trace.lines ?? [],
    };
  }

  #drawDevices(): Device[] {
    const devices: Device[] = [];
    const { random } = this.world;
    for (let user = 1; user <= this.#plan.users; user += 1) {
      const uid = `user${user}`;
      const count = 1 + random.below(3);
      for (let number = 1; number <= count; number += 1) {
        // Two of one type now and then, so that they displace each other.
        const deviceType = random.below(4) === 0 ? 'phone' : ['phone', 'desktop', 'tablet'][number - 1];
        const sendOnly = number > 1 && random.below(6) === 0;
        devices.push(this.#device({ name: `${uid}.${number}`, uid, deviceType: deviceType ?? 'phone', sendOnly }));
      }
    }
    return devices;
  }

  #device(who: Pick<DeviceOptions, 'name' | 'uid' | 'deviceType' | 'sendOnly'>): Device {
    const { handlerFails, handlerMsMax, syncPageMessages } = this.#plan;
    const options = { ...who, app: APP, syncLimit: syncPageMessages, handlerFails, handlerMsMax };
    return new Device(this.world, this.#network, this.#recorder, options);
  }

  #sendLater(device: Device): void {
    const { random } = this.world;
    const waitMs = -Math.log(1 - random.fraction()) * this.#plan.sendIntervalMs * this.#devices.length;
    this.world.at(undefined, waitMs, 'send', () => {
      if (this.#isCalm) return;
      const to = `user${1 + random.below(this.#plan.users)}`;
      const kind = random.fraction();
      if (kind < PUSH_SHARE) this.#backEnd.push(to);
      else if (kind < PUSH_SHARE + REPEAT_SHARE) device.repeat();
      else device.send(to, random.below(this.#plan.payloadBytesMax));
      this.#sendLater(device);
    });
  }

  /** Waits until everything has come to rest; answers what has not. */
  async #quiet(devices: readonly Device[], msMax: number): Promise<string[]> {
    const endMs = this.world.nowMs + msMax;
    for (;;) {
      const unquiet = await this.#unquiet(devices);
      if (unquiet.length === 0 || this.world.nowMs >= endMs || this.world.faults.length > 0) return unquiet;
      await this.world.run(LOOK_MS);
    }
  }

  async #unquiet(devices: readonly Device[]): Promise<string[]> {
    const store = this.#servers.logic.store;
    if (store === undefined) return ['logic is not running'];
    const found: string[] = [];
    if (this.#backEnd.unsettled > 0) found.push(`${this.#backEnd.unsettled} pushes of the back end`);
    for (const device of devices) {
      const { name, uid, sendOnly } = device.options;
      if (device.isStopped) continue;
      // Its program was about to end when the calm began.
      if (!device.isRunning) device.start();
      if (!device.isOnline) found.push(`${name} is not online`);
      if (device.unsettled.length > 0) found.push(`${name} waits for ${device.unsettled.join(' ')}`);
      if (sendOnly) continue;
      const { epoch, head } = await store.readUser(APP as AppId, uid as Uid);
      const { ackedEpoch, ackedSeq } = device;
      if (ackedEpoch !== epoch || ackedSeq < head) {
        found.push(`${name} has acknowledged epoch ${ackedEpoch} seq ${ackedSeq} of epoch ${epoch} head ${head}`);
      }
    }
    return found;
  }

  async #markEnds(devices: readonly Device[]): Promise<void> {
    for (const device of devices) {
      const { client, ackedEpoch, ackedSeq, sendOnly, isOnline } = device;
      if (sendOnly || !isOnline) continue;
      this.#recorder.record({ type: 'reachedEnd', client, epoch: ackedEpoch, seq: ackedSeq });
    }
  }

  /** G8: who is online is who the store says is current; a device that was told to stop has one that took over. */
  async #judgeSessions(): Promise<void> {
    const { policy } = this.#plan;
    const readers = this.#devices.filter((device) => !device.sendOnly);
    for (const uid of new Set(readers.map((device) => device.options.uid))) {
      const own = readers.filter((device) => device.options.uid === uid);
      const state = await this.#servers.logic.store?.readUser(APP as AppId, uid as Uid);
      const current: readonly number[] = state?.currentGenerations ?? [];
      const online = own.filter((device) => device.isOnline);
      for (const device of online) {
        if (current.includes(device.generation)) continue;
        this.world.fault(
          device.client,
          `online with generation ${device.generation}, current are ${current.join(' ')}`,
        );
      }
      const rivals = (device: Device): Device[] =>
        online.filter(
          (other) =>
            other !== device &&
            (policy === 'one-per-user' ||
              (policy === 'one-per-type' && other.options.deviceType === device.options.deviceType)),
        );
      for (const device of own) {
        if (device.isOnline && rivals(device).length > 0) this.world.fault(device.client, 'is not the only one online');
        if (device.isStopped && rivals(device).length === 0) this.world.fault(device.client, 'was stopped by nobody');
      }
    }
  }

  async #audit(): Promise<string[]> {
    const auditors: Device[] = [];
    for (let user = 1; user <= this.#plan.users; user += 1) {
      const uid = `user${user}`;
      auditors.push(this.#device({ name: `${uid}.audit`, uid, deviceType: 'audit', sendOnly: false }));
    }
    for (const auditor of auditors) auditor.start();
    const stuck = await this.#quiet(auditors, AUDIT_MS_MAX);
    if (stuck.length === 0) await this.#markEnds(auditors);
    return stuck;
  }
}
