/**
 * Many users of one gate that mostly listen: they log in, send heartbeats, take what is pushed to them, fall away and
 * come back. A pushed payload says when it was meant to leave and carries a number that is unique in the run.
 *
 *   "1764000000000 17 …"   wall milliseconds, number, filler
 */
import type { Clock } from '../../src/clock/clock.ts';
import type { Random } from '../../src/clock/random.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import { inBatches } from './pair-wire.ts';
import { ConnectionPhase, newConnection, type SluiceConnection } from './sluice-connection.ts';
import { SluiceConnections } from './sluice-connections.ts';
import type { SluiceHandler, SluiceTarget } from './sluice-handler.ts';
import { type ReturnReport, type ReturnStyle, UserReturn } from './user-return.ts';

/** Every heartbeat comes earlier than the announced time by this factor, spread over all users. */
const HEARTBEAT_FACTOR = 0.9;
/**
 * Pings that fall due meanwhile leave together. Short, and begun at a moment of its own in each process: all users of a
 * process or a second in one go would be no load that people make.
 */
const SWEEP_MS = 400;

export interface FleetOptions {
  readonly users: number;
  readonly firstUser: number;
  readonly runId: string;
  /** Logins under way at once. */
  readonly atOnce: number;
}

export interface LoginReport {
  readonly loggedIn: number;
  readonly failed: number;
  /** Why, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
}

export interface FleetCounts {
  readonly live: number;
  readonly lost: number;
  readonly lostReasons: Readonly<Record<string, number>>;
  readonly deliveries: number;
  readonly doubled: number;
  readonly pages: number;
}

export class UserFleet implements SluiceHandler {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: FleetOptions;
  readonly #connections: SluiceConnections;
  readonly #users: SluiceConnection[] = [];
  readonly #latency: LatencyHistogram;
  readonly #numbers: Set<number> = new Set();
  readonly #lostReasons = new Map<string, number>();
  #lost = 0;
  #deliveries = 0;
  #doubled = 0;
  #beat = 0;
  #beating = false;

  constructor(clock: Clock, random: Random, options: FleetOptions, target: SluiceTarget, latency: LatencyHistogram) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
    this.#latency = latency;
    this.#connections = new SluiceConnections(clock, target, this);
  }

  /** Logs in further users until there are `total`. */
  async growTo(total: number): Promise<LoginReport> {
    const from = this.#users.length;
    for (let i = from; i < Math.min(total, this.#options.users); i++) {
      this.#users.push(newConnection(userName(this.#options.runId, this.#options.firstUser + i), i));
    }
    return this.#logIn(this.#users.slice(from));
  }

  beat(heartbeatMs: number): void {
    if (this.#beating) return;
    this.#beating = true;
    const sweeps = Math.max(1, Math.floor((heartbeatMs * HEARTBEAT_FACTOR) / SWEEP_MS));
    const sweep = (): void => {
      if (!this.#beating) return;
      const turn = this.#beat++ % sweeps;
      for (let i = turn; i < this.#users.length; i += sweeps) {
        const user = this.#users[i] as SluiceConnection;
        if (user.phase === ConnectionPhase.Live) this.#connections.ping(user);
      }
      this.#clock.setTimer(sweep, SWEEP_MS);
    };
    this.#clock.setTimer(sweep, SWEEP_MS * this.#random.fraction());
  }

  counts(): FleetCounts {
    return {
      live: this.#users.reduce((sum, { phase }) => sum + Number(phase === ConnectionPhase.Live), 0),
      lost: this.#lost,
      lostReasons: Object.fromEntries(this.#lostReasons),
      deliveries: this.#deliveries,
      doubled: this.#doubled,
      pages: this.#connections.pagesPulled,
    };
  }

  /** The latencies since the last call, encoded. */
  takeLatency(): string {
    const encoded = this.#latency.encode();
    this.#latency.reset();
    return encoded;
  }

  /** Cuts so many connections without a word. */
  drop(count: number): void {
    for (const user of this.#users.slice(0, count)) this.#connections.drop(user);
  }

  /** Brings back everybody who is away. */
  comeBack(style: ReturnStyle, deadlineMs: number): Promise<ReturnReport> {
    const away = this.#users.filter(({ phase }) => phase === ConnectionPhase.Closed);
    return new UserReturn(this.#clock, this.#random, this.#connections, style).run(away, deadlineMs);
  }

  /** So many of them read nothing any more (or go on). */
  setReading(count: number, reading: boolean): void {
    for (const user of this.#users.slice(0, count)) {
      if (reading) user.stream?.resume();
      else user.stream?.pause();
    }
  }

  onMessage(_user: SluiceConnection, bytes: Buffer, start: number, end: number): void {
    this.#deliveries++;
    const [sentMs = Number.NaN, number = Number.NaN] = bytes.toString('latin1', start, end).split(' ', 2).map(Number);
    if (this.#numbers.has(number)) this.#doubled++;
    else this.#numbers.add(number);
    this.#latency.recordMs(this.#clock.wallMs() - sentMs);
  }

  onUnknown(): void {}

  onSendack(): void {}

  onError(): void {}

  onLost(_user: SluiceConnection, reason: string): void {
    this.#lost++;
    this.#lostReasons.set(reason, (this.#lostReasons.get(reason) ?? 0) + 1);
  }

  async #logIn(users: readonly SluiceConnection[]): Promise<LoginReport> {
    const startMs = this.#clock.monotonicMs();
    const reasons: Record<string, number> = {};
    await inBatches(users.length, this.#options.atOnce, async (i) => {
      const reason = await this.#tryLogin(users[i] as SluiceConnection);
      if (reason !== undefined) reasons[reason] = (reasons[reason] ?? 0) + 1;
    });
    const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
    return { loggedIn: users.length - failed, failed, reasons, elapsedMs: this.#clock.monotonicMs() - startMs };
  }

  /** Why it failed; undefined when it did not. */
  async #tryLogin(user: SluiceConnection): Promise<string | undefined> {
    try {
      await this.#connections.connect(user);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

export function userName(runId: string, user: number): string {
  return `u${user}-${runId}`;
}
