/**
 * The primary process of `sluice start`: one data directory, one supervisor, signals, and a few lines for people.
 *
 * It does nothing that can fail while clients are served. Its own death by SIGKILL leaves the gates serving; logic and
 * api end by themselves, and the next primary takes over and drains the old gates once its own listen.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Clock, delay, SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { createLogger, type RootLogger } from '../log/pino-logger.ts';
import { Metrics } from '../metrics/metrics.ts';
import { NodeTransport } from '../net/node-transport.ts';
import type { AcceptHandler } from '../net/transport.ts';
import { banner } from './banner.ts';
import { exitOnFault } from './process-faults.ts';
import { processTitle } from './process-probe.ts';
import { type Orphan, RunDirectory } from './run-directory.ts';
import { listenProblem } from './running-role.ts';
import { spawnChild } from './spawn-child.ts';
import { Supervisor, SupervisorError } from './supervisor.ts';

const ORPHAN_WAIT_MS = 5000;
const ORPHAN_POLL_MS = 50;
/** Beyond what the role itself promises. */
const STOP_MARGIN_MS = 3000;

/** Runs the whole system until a signal ends it. Resolves with the exit code; problems are told on stderr. */
export async function runPrimary(config: Config): Promise<number> {
  process.title = processTitle('primary');
  const clock = new SystemClock();
  const log = createLogger(config.log, { role: 'primary', index: 1 }, clock);
  exitOnFault(log);
  // A reader of our lines that goes away is no reason to stop.
  process.stdout.on('error', () => {});
  const dataDirectory = resolve(config.data.directory);
  const run = new RunDirectory(dataDirectory);
  const lock = await run.lock();
  if (lock === undefined) {
    const owner = run.readPid('primary');
    return refuse(
      `another sluice${owner === undefined ? '' : ` (process ${owner})`} runs on ${dataDirectory}; ` +
        'stop it, or set data.directory to another folder',
    );
  }
  const primary = new Primary(config, dataDirectory, run, clock, log);
  const code = await primary.run();
  run.removePid('primary', process.pid);
  log.flush();
  await lock.release();
  return code;
}

function refuse(problem: string): number {
  process.stderr.write(`sluice: ${problem}\n`);
  return 1;
}

class Primary {
  readonly #config: Config;
  readonly #dataDirectory: string;
  readonly #run: RunDirectory;
  readonly #clock: Clock;
  readonly #log: RootLogger;
  readonly #supervisor: Supervisor;
  readonly #gates: number;
  #finish: (code: number) => void = () => {};
  #signals = 0;

  constructor(config: Config, dataDirectory: string, run: RunDirectory, clock: Clock, log: RootLogger) {
    this.#config = config;
    this.#dataDirectory = dataDirectory;
    this.#run = run;
    this.#clock = clock;
    this.#log = log;
    this.#gates = config.gate.workers || availableParallelism();
    const metrics = new Metrics();
    this.#supervisor = new Supervisor({
      clock,
      log,
      spawn: spawnChild,
      gates: this.#gates,
      start: {
        config,
        dataDirectory,
        trunkPath: config.trunk.path === '' ? run.trunkPath() : resolve(config.trunk.path),
        gatePort: config.gate.port,
        apiPort: config.api.port,
      },
      stopGraceMs: {
        gate: config.gate.shutdownMs + STOP_MARGIN_MS,
        api: STOP_MARGIN_MS,
        logic: STOP_MARGIN_MS,
      },
      ownMetrics: () => metrics.metricsAsJson(),
      onGiveUp: (reason) => {
        process.stderr.write(`sluice: giving up: ${reason}\n`);
        void this.#stop(1);
      },
    });
    metrics.processMetrics('primary', 1);
    const { exits } = this.#supervisor;
    metrics.labelledCounterFrom('sluice_process_exits_total', 'Processes that ended unasked.', 'role', () => exits);
    metrics.counterFrom(
      'sluice_process_frozen_total',
      'Processes killed because they said nothing.',
      () => this.#supervisor.frozen,
    );
  }

  async run(): Promise<number> {
    const finished = new Promise<number>((settle) => {
      this.#finish = settle;
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#signalled(signal));
    try {
      const orphans = await this.#settleOrphans();
      const taken = await this.#portProblem(orphans);
      if (taken !== undefined) return refuse(taken);
      await this.#supervisor.start();
      this.#started(orphans);
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      if (this.#signals === 0) {
        refuse(error.message);
        void this.#stop(1);
      }
    }
    return finished;
  }

  #started(orphans: readonly Orphan[]): void {
    const { gatePort, apiPort } = this.#supervisor;
    this.#run.writePid('primary', process.pid);
    const facts = { config: this.#config, gatePort, apiPort, gates: this.#gates, dataDirectory: this.#dataDirectory };
    process.stdout.write(banner(facts));
    for (const orphan of orphans) process.kill(orphan.pid, 'SIGTERM');
  }

  #signalled(signal: string): void {
    this.#signals++;
    if (this.#signals > 1) {
      this.#supervisor.kill();
      process.exit(1);
    }
    this.#log.info({ signal }, 'stopping');
    void this.#stop(0);
  }

  async #stop(code: number): Promise<void> {
    await this.#supervisor.stop();
    this.#finish(code);
  }

  /** Waits for the logic of a killed primary, which ends within a second; answers the gates, which go on. */
  async #settleOrphans(): Promise<Orphan[]> {
    for (let waitedMs = 0; waitedMs < ORPHAN_WAIT_MS; waitedMs += ORPHAN_POLL_MS) {
      const orphans = this.#run.orphans();
      if (orphans.every((orphan) => orphan.role === 'gate')) return orphans;
      await delay(this.#clock, ORPHAN_POLL_MS);
    }
    return this.#run.orphans().filter((orphan) => orphan.role === 'gate');
  }

  /** Workers that bind one port several times would share it with a stranger who does the same: ask for it alone first. */
  async #portProblem(orphans: readonly Orphan[]): Promise<string | undefined> {
    const { host, port } = this.#config.gate;
    if (port === 0 || orphans.length > 0) return undefined;
    const ignore: AcceptHandler = {
      onAccepted: (stream) => stream.destroy(),
      onBytes: () => {},
      onDrain: () => {},
      onClosed: () => {},
    };
    try {
      const listener = await new NodeTransport().listen({ host, port }, ignore);
      await listener.close();
      return undefined;
    } catch (error) {
      return listenProblem(error, host, port, 'gate') ?? String(error);
    }
  }
}
