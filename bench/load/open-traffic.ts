/** Traffic of a kind over a protocol: what drives it and what carries it, put together. */
import type { Clock } from '../../src/clock/clock.ts';
import type { DeliveryFaults } from './delivery-check.ts';
import { FanoutTraffic } from './fanout-traffic.ts';
import type { FanoutWire } from './fanout-wire.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { PairTask } from './load-tasks.ts';
import { TokenMaker } from './login-token.ts';
import { MqttFanout } from './mqtt-fanout.ts';
import { MqttPairs } from './mqtt-pairs.ts';
import { type PairCounts, PairTraffic } from './pair-traffic.ts';
import type { PairWire } from './pair-wire.ts';
import { RelayFanout } from './relay-fanout.ts';
import { RelayPairs } from './relay-pairs.ts';
import { SluiceFanout } from './sluice-fanout.ts';
import type { SluiceTarget } from './sluice-handler.ts';
import { SluicePairs } from './sluice-pairs.ts';

export interface Traffic {
  readonly counts: PairCounts;
  readonly faults: DeliveryFaults;
  /** True when nothing is under way. */
  readonly settled: boolean;
  readonly broken: string | undefined;
  open(): Promise<void>;
  /** @param perSecond 0: as fast as it goes */
  start(perSecond: number): void;
  stop(): void;
  close(): Promise<void>;
}

interface Driver<Wire> extends Omit<Traffic, 'open' | 'start' | 'close'> {
  start(wire: Wire, perSecond: number): void;
}

export function openTraffic(clock: Clock, latency: LatencyHistogram, task: PairTask): Traffic {
  if (task.fanout) {
    const fanout = new FanoutTraffic(clock, latency, task.pairs, task.inFlight);
    return new WiredTraffic(fanout, fanoutWire(clock, task, fanout));
  }
  const pairs = new PairTraffic(clock, latency, task.pairs, task.inFlight);
  return new WiredTraffic(pairs, pairWire(clock, task, pairs));
}

class WiredTraffic<Wire extends PairWire | FanoutWire> implements Traffic {
  readonly #driver: Driver<Wire>;
  readonly #wire: Wire;

  constructor(driver: Driver<Wire>, wire: Wire) {
    this.#driver = driver;
    this.#wire = wire;
  }

  get counts(): PairCounts {
    return this.#driver.counts;
  }
  get faults(): DeliveryFaults {
    return this.#driver.faults;
  }
  get settled(): boolean {
    return this.#driver.settled;
  }
  get broken(): string | undefined {
    return this.#driver.broken;
  }

  open(): Promise<void> {
    return this.#wire.open();
  }
  start(perSecond: number): void {
    this.#driver.start(this.#wire, perSecond);
  }
  stop(): void {
    this.#driver.stop();
  }
  close(): Promise<void> {
    return this.#wire.close();
  }
}

function pairWire(clock: Clock, task: PairTask, events: PairTraffic): PairWire {
  if (task.protocol === 'relay') return new RelayPairs(clock, task, events);
  if (task.protocol === 'mqtt') return new MqttPairs(clock, task, events);
  return new SluicePairs(clock, task, targetOf(task), events);
}

function fanoutWire(clock: Clock, task: PairTask, events: FanoutTraffic): FanoutWire {
  const options = { ...task, sessions: task.pairs };
  if (task.protocol === 'relay') return new RelayFanout(clock, options, events);
  if (task.protocol === 'mqtt') return new MqttFanout(clock, options, events);
  return new SluiceFanout(clock, options, targetOf(task), events);
}

function targetOf({ app, secret, host, port }: PairTask): SluiceTarget {
  return { app, host, port, tokens: new TokenMaker(app, secret) };
}
