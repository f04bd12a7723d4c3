/**
 * One run:
 *
 *   start the system, the proxy, the client hosts ─▶ faults while everybody sends ─▶ no more faults, no more sends
 *   ─▶ everything sent is settled ─▶ everybody reads to the end ─▶ merge the histories, check
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { SeededRandom } from '../../test/support/seeded-random.ts';
import { type System, startSystem } from '../../test/support/system.ts';
import { ChaosProxy } from '../chaos/chaos-proxy.ts';
import { checkHistory } from '../history/checker.ts';
import { readHistoryFiles } from '../history/history-files.ts';
import { FileRecorder } from '../history/recorder.ts';
import type { Report } from '../history/report.ts';
import { ClientFaults } from './client-faults.ts';
import { CLIENT_FAULTS, type FaultName, FaultRounds, SYSTEM_FAULTS } from './fault-schedule.ts';
import { headOf } from './head-probe.ts';
import type { Head, HostReport } from './host-messages.ts';
import { HostProcess } from './host-process.ts';
import { populate } from './population.ts';
import { PushSender } from './push-sender.ts';
import type { RedisChoice } from './redis-world.ts';
import { isSurroundingFault, Surroundings } from './surroundings.ts';
import { SystemFaults } from './system-faults.ts';

const GATE_SHUTDOWN_MS = 1000;
/** Between two faults of the system. */
const GAP_MS_MAX = 2000;
const POLL_MS = 100;
const SETTLE_MS_MAX = 90_000;
const PROXY_MARGIN_MS = 3_600_000;

export interface TortureOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly durationMs: number;
  readonly faults: ReadonlySet<FaultName>;
  /** Keep the messages there; undefined: on the disk. */
  readonly redis?: RedisChoice;
  /** Logics beside the system's own, on that Redis. */
  readonly peers?: number;
  readonly gates: number;
  readonly users: number;
  readonly bots: number;
  /** Between two sends of one device, on average. */
  readonly pauseMs: number;
  /** An empty folder for data and histories. */
  readonly folder: string;
  /** Told what happens. */
  readonly say: (text: string) => void;
}

export interface TortureResult {
  readonly report: Report;
  /** What was not as it should be, beside the histories. */
  readonly problems: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly logins: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly longestOutageMs: number;
  readonly histories: readonly string[];
}

export async function torture(options: TortureOptions): Promise<TortureResult> {
  const run = await TortureRun.start(options);
  try {
    return await run.go();
  } finally {
    await run.tidyUp();
  }
}

class TortureRun {
  readonly #options: TortureOptions;
  readonly #problems: string[] = [];
  readonly #happened: Map<string, number> = new Map();
  readonly #uids: readonly string[];
  readonly #hosts: HostProcess[];
  readonly #proxy: ChaosProxy;
  readonly #pusher: PushSender;
  readonly #pushes: FileRecorder;
  readonly #pushesPath: string;
  readonly #systemFaults: SystemFaults;
  readonly #clientFaults: ClientFaults;
  readonly #surroundings: Surroundings | undefined;
  readonly #gatePort: number;

  static async start(options: TortureOptions): Promise<TortureRun> {
    const { clock, folder, gates, durationMs } = options;
    mkdirSync(join(folder, 'data'), { recursive: true });
    const data = join(folder, 'data');
    const { redis, seed, peers = 0 } = options;
    const surroundings = redis && (await Surroundings.start({ clock, seed, redis, peers }));
    const config = {
      'gate.heartbeatMs': '30000',
      'gate.drainMs': String(GATE_SHUTDOWN_MS),
      ...surroundings?.config,
    };
    const system = await startSystem({ workers: gates, dataDirectory: data, config });
    const proxy = await ChaosProxy.start({
      clock,
      targetPort: system.gatePort,
      maxMs: durationMs + PROXY_MARGIN_MS,
    });
    const ports = { 'gate.port': String(system.gatePort), 'api.port': String(system.httpPort) };
    const startAgain = (): Promise<System> => {
      keepLog(folder, run.#systemFaults.system);
      return startSystem({ workers: gates, dataDirectory: data, config: { ...config, ...ports } });
    };
    const run = new TortureRun(options, system, proxy, startAgain, surroundings);
    await Promise.all(run.#hosts.map((host) => host.spawn()));
    return run;
  }

  constructor(
    options: TortureOptions,
    system: System,
    proxy: ChaosProxy,
    startAgain: () => Promise<System>,
    surroundings: Surroundings | undefined,
  ) {
    const { clock, seed, folder, users, bots, pauseMs, gates, faults } = options;
    this.#options = options;
    this.#proxy = proxy;
    this.#gatePort = system.gatePort;
    const { uids, hosts } = populate(users, bots);
    this.#uids = uids;
    this.#hosts = hosts.map((spec, index) => {
      const port = spec.proxied ? proxy.port : system.gatePort;
      return new HostProcess({ spec, port, folder, seed: seed * 7919 + index * 101, targets: uids, pauseMs });
    });
    this.#pushesPath = join(folder, 'back-end.history');
    this.#pushes = new FileRecorder(this.#pushesPath, 'back-end');
    const random = new SeededRandom(seed);
    this.#systemFaults = new SystemFaults({
      clock,
      random: new SeededRandom(random.uint32()),
      system,
      startAgain,
      witnesses: this.#hosts.filter(({ start: { spec } }) => !spec.mortal && !spec.proxied),
      gates,
      gateShutdownMs: GATE_SHUTDOWN_MS,
    });
    this.#surroundings = surroundings;
    const chosen = CLIENT_FAULTS.filter((fault) => faults.has(fault));
    this.#clientFaults = new ClientFaults({
      clock,
      random: new SeededRandom(random.uint32()),
      proxy,
      mortals: this.#hosts.filter(({ start: { spec } }) => spec.mortal),
      rounds: new FaultRounds(chosen, new SeededRandom(random.uint32())),
      onDone: (fault) => this.#count(fault),
    });
    this.#pusher = new PushSender({
      clock,
      random: new SeededRandom(random.uint32()),
      recorder: this.#pushes,
      url: () => this.#systemFaults.system.url(''),
      targets: uids,
      pauseMs,
    });
  }

  async go(): Promise<TortureResult> {
    const pushing = this.#pusher.run();
    const disturbing = this.#clientFaults.run();
    await this.#breakThings();
    this.#clientFaults.stop();
    await disturbing;
    this.#options.say('no more faults: everybody settles and reads to the end');
    this.#pusher.stopSending();
    for (const host of this.#hosts) host.tell({ type: 'stop-sending' });
    await pushing;
    await this.#settle((report) => report.unsent === 0, 'sends have no outcome');
    const heads = await this.#heads();
    for (const host of this.#hosts) host.tell({ type: 'heads', heads });
    await this.#settle((report) => report.behind.length === 0, 'readers are not at the end');
    await Promise.all(this.#hosts.map((host) => host.end()));
    this.#pushes.close();
    return this.#judge();
  }

  /** Also after a failure. */
  async tidyUp(): Promise<void> {
    this.#clientFaults.stop();
    this.#pusher.stopSending();
    for (const host of this.#hosts) host.destroy();
    await this.#proxy.stop();
    const { system } = this.#systemFaults;
    const primary = system.pids['primary'];
    if (primary !== undefined) process.kill(primary, 'SIGTERM');
    const code = await system.exited;
    if (code !== 0) this.#problems.push(`the system ended with ${code}`);
    keepLog(this.#options.folder, system);
    await this.#surroundings?.stop();
  }

  /** A whole round of faults at least, and then until the time is over. */
  async #breakThings(): Promise<void> {
    const { clock, seed, durationMs, faults, say } = this.#options;
    const random = new SeededRandom(seed + 1);
    const possible = [...SYSTEM_FAULTS, ...(this.#surroundings?.faults ?? [])];
    const chosen = possible.filter((fault) => faults.has(fault));
    const rounds = new FaultRounds(chosen, random);
    const startMs = clock.monotonicMs();
    const isOver = (): boolean => clock.monotonicMs() - startMs >= durationMs;
    while (!isOver() || !rounds.isFirstOver) {
      await delay(clock, GAP_MS_MAX * random.fraction());
      const fault = rounds.next();
      if (fault === undefined) continue;
      const faultMs = clock.monotonicMs();
      const before = this.#systemFaults.problems.length;
      if (fault === 'rolling-restart') await this.#surroundings?.restart(this.#systemFaults);
      if (isSurroundingFault(fault)) await this.#surroundings?.happen(fault, this.#systemFaults);
      else await this.#systemFaults.happen(fault);
      this.#count(fault);
      const atS = ((faultMs - startMs) / 1000).toFixed(1);
      say(`${atS} s: ${fault}, over after ${Math.round(clock.monotonicMs() - faultMs)} ms`);
      for (const problem of this.#systemFaults.problems.slice(before)) say(`  ${problem}`);
    }
  }

  #count(fault: string): void {
    this.#happened.set(fault, (this.#happened.get(fault) ?? 0) + 1);
  }

  /** Waits until all hosts satisfy `isGood`; a host that does not, in time, is a problem. */
  async #settle(isGood: (report: HostReport) => boolean, what: string): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + SETTLE_MS_MAX;
    for (const host of this.#hosts) {
      for (;;) {
        const report = await host.report();
        if (report === undefined || isGood(report)) break;
        if (clock.monotonicMs() > deadlineMs) {
          const details = [`${report.unsent} unsent`, ...report.behind].join('; ');
          this.#problems.push(`${host.start.spec.name}: ${what} (${details})`);
          break;
        }
        await delay(clock, POLL_MS);
      }
    }
  }

  /** Asks the server where each user's timeline ends. */
  async #heads(): Promise<Record<string, Head>> {
    const { clock } = this.#options;
    const heads = this.#uids.map(async (uid) => [uid, await headOf(clock, this.#gatePort, uid)] as const);
    return Object.fromEntries(await Promise.all(heads));
  }

  async #judge(): Promise<TortureResult> {
    const reports: HostReport[] = [];
    for (const host of this.#hosts) {
      reports.push(...host.earlierReports, ...(host.lastReport === undefined ? [] : [host.lastReport]));
      if (host.failure !== undefined) this.#problems.push(host.failure);
    }
    this.#problems.push(...this.#systemFaults.problems, ...this.#pusher.problems);
    this.#problems.push(...reports.flatMap((report) => report.problems));
    const drops: Record<string, number> = {};
    for (const report of reports) {
      for (const [reason, count] of Object.entries(report.drops)) drops[reason] = (drops[reason] ?? 0) + count;
    }
    const histories = [...this.#hosts.flatMap((host) => host.histories), this.#pushesPath];
    return {
      report: checkHistory(await readHistoryFiles(histories), { storeLosses: this.#surroundings?.losses ?? [] }),
      problems: this.#problems,
      faults: this.#happened,
      logins: reports.reduce((sum, report) => sum + report.logins, 0),
      drops,
      longestOutageMs: Math.round(Math.max(...reports.map((report) => report.longestOutageMs))),
      histories,
    };
  }
}

/** What the processes of one primary have said. */
function keepLog(folder: string, system: System): void {
  appendFileSync(join(folder, 'system.log'), system.logs);
}
