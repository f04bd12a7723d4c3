/** Users spread over generator processes, each with a source address of its own. */
import { type Random, randomHex } from '../src/clock/random.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import { LatencyHistogram } from './load/latency-histogram.ts';
import { LoadProcess } from './load/load-process.ts';
import { type FleetCounts, type LoginReport, userName } from './load/user-fleet.ts';
import type { ReturnReport, ReturnStyle } from './load/user-return.ts';
import { openFilesMax } from './machine.ts';
import type { MeasuredProcess } from './process-usage.ts';

const DESCRIPTORS_RESERVED = 500;
const RUN_ID_BYTES = 4;
const PROCESSES_FEW = 8;

export interface FleetPlan {
  readonly users: number;
  readonly host: string;
  readonly port: number;
  /** Logins under way at once, of all processes. */
  readonly atOnce: number;
  /** More than the file descriptor limit asks for. */
  readonly processesMin?: number;
  /** Flags for the node processes of the load. */
  readonly nodeFlags?: readonly string[];
}

export class Fleet {
  readonly users: number;
  readonly runId: string;
  readonly #loads: LoadProcess[];

  private constructor(plan: FleetPlan, random: Random) {
    this.users = plan.users;
    this.runId = randomHex(random, RUN_ID_BYTES);
    const processes = Math.max(plan.processesMin ?? 1, Math.ceil(plan.users / (openFilesMax() - DESCRIPTORS_RESERVED)));
    this.#loads = Array.from({ length: processes }, () => new LoadProcess(plan.nodeFlags));
  }

  static async create(plan: FleetPlan, random: Random): Promise<Fleet> {
    const fleet = new Fleet(plan, random);
    const count = fleet.#loads.length;
    await Promise.all(
      fleet.#loads.map((load, i) =>
        load.call('createFleet', {
          app: DEVELOPMENT_APP_ID,
          secret: DEVELOPMENT_SECRET,
          host: plan.host,
          port: plan.port,
          users: fleet.#shareOf(plan.users, i),
          firstUser: Math.floor((i * plan.users) / count),
          runId: fleet.runId,
          atOnce: Math.max(1, Math.ceil(plan.atOnce / count)),
          addressGroup: i,
          isOneOfMany: count > PROCESSES_FEW,
        }),
      ),
    );
    return fleet;
  }

  userName(user: number): string {
    return userName(this.runId, user);
  }

  get processes(): MeasuredProcess[] {
    return this.#loads.map(({ pid }, i) => ({ name: `load ${i + 1}`, pid }));
  }

  /** What a storm of clients takes here, the system would have on a machine of its own: it goes first. */
  yieldToOthers(): void {
    for (const load of this.#loads) load.yieldToOthers();
  }

  /** Logs in until there are `total` users. */
  async growTo(total: number): Promise<LoginReport> {
    const reports = await Promise.all(this.#loads.map((load, i) => load.call('growFleet', this.#shareOf(total, i))));
    const reasons: Record<string, number> = {};
    for (const report of reports) addUp(reasons, report.reasons);
    return {
      loggedIn: sum(reports.map(({ loggedIn }) => loggedIn)),
      failed: sum(reports.map(({ failed }) => failed)),
      reasons,
      elapsedMs: Math.max(...reports.map(({ elapsedMs }) => elapsedMs)),
    };
  }

  async beat(heartbeatMs: number): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.call('beatFleet', heartbeatMs)));
  }

  async counts(): Promise<FleetCounts & { cpuMicros: number; lagMaxMs: number }> {
    const all = await Promise.all(this.#loads.map((load) => load.call('countFleet')));
    const lostReasons: Record<string, number> = {};
    for (const each of all) addUp(lostReasons, each.lostReasons);
    return {
      live: sum(all.map(({ live }) => live)),
      lost: sum(all.map(({ lost }) => lost)),
      lostReasons,
      deliveries: sum(all.map(({ deliveries }) => deliveries)),
      doubled: sum(all.map(({ doubled }) => doubled)),
      pages: sum(all.map(({ pages }) => pages)),
      cpuMicros: sum(all.map(({ cpuMicros }) => cpuMicros)),
      lagMaxMs: Math.max(...all.map(({ lagMaxMs }) => lagMaxMs)),
    };
  }

  async takeLatency(): Promise<LatencyHistogram> {
    return LatencyHistogram.merged(await Promise.all(this.#loads.map((load) => load.call('takeFleetLatency'))));
  }

  /** Cuts so many connections without a word. */
  async drop(count: number): Promise<void> {
    await Promise.all(this.#loads.map((load, i) => load.call('dropFleet', this.#shareOf(count, i))));
  }

  /** Brings everybody back who is away. */
  async comeBack(style: ReturnStyle, deadlineMs: number): Promise<ReturnReport> {
    const reports = await Promise.all(this.#loads.map((load) => load.call('returnFleet', style, deadlineMs)));
    const reasons: Record<string, number> = {};
    for (const report of reports) addUp(reasons, report.reasons);
    return {
      reasons,
      backMs: reports.flatMap(({ backMs }) => backMs).sort((a, b) => a - b),
      attempts: sum(reports.map(({ attempts }) => attempts)),
      missing: sum(reports.map(({ missing }) => missing)),
    };
  }

  async setReading(count: number, reading: boolean): Promise<void> {
    await Promise.all(this.#loads.map((load, i) => load.call('setFleetReading', this.#shareOf(count, i), reading)));
  }

  end(): void {
    for (const load of this.#loads) load.end();
  }

  /** How many of `total` belong to one process: all have about as many, and together exactly `total`. */
  #shareOf(total: number, index: number): number {
    const count = this.#loads.length;
    return Math.floor(((index + 1) * total) / count) - Math.floor((index * total) / count);
  }
}

function addUp(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
