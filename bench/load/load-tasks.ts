/** What a generator process can be told to do. Every method is called from the bench's main process. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { LoopPacer } from '../../src/clock/loop-pacer.ts';
import type { Random } from '../../src/clock/random.ts';
import { type AcceptOptions, AcceptProbe, type AcceptReport } from './accept-probe.ts';
import type { DeliveryFaults } from './delivery-check.ts';
import { LagMeter } from './lag-meter.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { TokenMaker } from './login-token.ts';
import { openTraffic, type Traffic } from './open-traffic.ts';
import type { PairCounts } from './pair-traffic.ts';
import type { PairWireOptions } from './pair-wire.ts';
import { SourcePorts } from './source-ports.ts';
import { type FleetCounts, type FleetOptions, type LoginReport, UserFleet } from './user-fleet.ts';
import type { ReturnReport, ReturnStyle } from './user-return.ts';

/** Pairs, or with `fanout` one publisher and `pairs` listeners. */
export interface PairTask extends PairWireOptions {
  readonly protocol: 'sluice' | 'relay' | 'mqtt';
  readonly fanout: boolean;
  readonly inFlight: number;
  readonly app: string;
  readonly secret: string;
}

export interface FleetTask extends FleetOptions {
  readonly host: string;
  readonly port: number;
  readonly app: string;
  readonly secret: string;
  /** Dozens of processes share the cores. */
  readonly isOneOfMany: boolean;
  /** Which source addresses this process dials from. */
  readonly addressGroup: number;
}

/** Totals since the start of the traffic, and what happened since the mark before. */
export interface PairMark extends PairCounts {
  readonly broken: string | undefined;
  readonly lagMaxMs: number;
  /** Encoded, of the deliveries since the mark before. */
  readonly latency: string;
}

const SETTLE_MS_MAX = 10_000;
const POLL_MS = 20;
/** Of one of many generators: adds up to as much to what it measures. */
const COALESCE_MS = 25;
/** Beyond those of users. */
const ACCEPT_ADDRESS_GROUP = 2000;

export class LoadTasks {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lag: LagMeter;
  #latency: LatencyHistogram | undefined;
  #traffic: Traffic | undefined;
  #fleet: UserFleet | undefined;
  #accepts: AcceptProbe | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#lag = new LagMeter(clock);
  }

  async openPairs(task: PairTask): Promise<void> {
    this.#latency = await LatencyHistogram.create();
    this.#traffic = openTraffic(this.#clock, this.#latency, task);
    await this.#traffic.open();
  }

  /** @param perSecond 0: as fast as they go. */
  async startPairs(perSecond: number): Promise<void> {
    this.#traffic?.start(perSecond);
  }

  async markPairs(): Promise<PairMark> {
    const traffic = this.#traffic as Traffic;
    const latency = this.#latency?.encode() ?? '';
    this.#latency?.reset();
    const lagMaxMs = this.#lag.maxMs;
    this.#lag.reset();
    return { ...traffic.counts, broken: traffic.broken, lagMaxMs, latency };
  }

  /** Stops sending and waits until nothing is under way. */
  async finishPairs(): Promise<DeliveryFaults> {
    const traffic = this.#traffic as Traffic;
    traffic.stop();
    for (let waitedMs = 0; !traffic.settled && traffic.broken === undefined && waitedMs < SETTLE_MS_MAX; ) {
      await delay(this.#clock, POLL_MS);
      waitedMs += POLL_MS;
    }
    return traffic.faults;
  }

  async closePairs(): Promise<void> {
    await this.#traffic?.close();
    this.#latency?.destroy();
  }

  async createFleet(task: FleetTask): Promise<void> {
    const { app, secret, host, port, addressGroup } = task;
    if (task.isOneOfMany) this.#lag.slowDown();
    const pacer = task.isOneOfMany ? new LoopPacer(this.#clock, COALESCE_MS) : undefined;
    const tokens = new TokenMaker(app, secret);
    const target = { app, host, port, tokens, from: new SourcePorts(addressGroup), pacer };
    this.#fleet = new UserFleet(this.#clock, this.#random, task, target, await LatencyHistogram.create());
  }

  /** Logs in further users until there are `total` of this process. */
  growFleet(total: number): Promise<LoginReport> {
    return this.#users.growTo(total);
  }

  async beatFleet(heartbeatMs: number): Promise<void> {
    this.#users.beat(heartbeatMs);
  }

  async countFleet(): Promise<FleetCounts & { readonly cpuMicros: number; readonly lagMaxMs: number }> {
    const { user, system } = process.cpuUsage();
    const lagMaxMs = this.#lag.maxMs;
    this.#lag.reset();
    return { ...this.#users.counts(), cpuMicros: user + system, lagMaxMs };
  }

  async takeFleetLatency(): Promise<string> {
    return this.#users.takeLatency();
  }

  async dropFleet(count: number): Promise<void> {
    this.#users.drop(count);
  }

  returnFleet(style: ReturnStyle, deadlineMs: number): Promise<ReturnReport> {
    return this.#users.comeBack(style, deadlineMs);
  }

  async setFleetReading(count: number, reading: boolean): Promise<void> {
    this.#users.setReading(count, reading);
  }

  async startAccepts(options: AcceptOptions): Promise<void> {
    this.#accepts = await AcceptProbe.start(this.#clock, options, new SourcePorts(ACCEPT_ADDRESS_GROUP));
  }

  /** What happened since the last call. */
  async takeAccepts(): Promise<AcceptReport> {
    if (this.#accepts === undefined) throw new Error('nobody dials here');
    return this.#accepts.report();
  }

  async stopAccepts(): Promise<void> {
    this.#accepts?.stop();
  }

  get #users(): UserFleet {
    if (this.#fleet === undefined) throw new Error('there are no users here');
    return this.#fleet;
  }
}
