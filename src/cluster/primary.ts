/**
 * The primary process of `sluice start`, or of a role by itself: one folder, one supervisor, signals, and a few lines for
 * people.
 *
 * It does nothing that can fail while clients are served. Its own death by SIGKILL leaves the gates serving; logic and
 * api end by themselves, and the next primary takes over and drains the old gates once its own listen.
 */
import { resolve } from 'node:path';
import { type Clock, delay, SystemClock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { createLogger, type RootLogger } from '../log/pino-logger.ts';
import { Metrics } from '../metrics/metrics.ts';
import { banner } from './banner.ts';
import type { ChildRole } from './child-messages.ts';
import { settleGatePort } from './gate-port.ts';
import { exitOnFault } from './process-faults.ts';
import { processTitle } from './process-probe.ts';
import { type Orphan, RunDirectory } from './run-directory.ts';
import { RoleStartError } from './running-role.ts';
import { setProcessPriority, spawnChild } from './spawn-child.ts';
import { Supervisor, SupervisorError } from './supervisor.ts';
import { httpPort, type ProcessCounts, processCounts, type SystemPart } from './system-part.ts';

const ORPHAN_WAIT_MS = 5000;
const ORPHAN_POLL_MS = 50;
/** Beyond what the role itself promises. */
const STOP_MARGIN_MS = 3000;

/** Runs the system, or one role of it, until a signal ends it. Resolves with the exit code; problems are told on stderr. */
export async function runPrimary(config: Config, part: SystemPart): Promise<number> {
  process.title = processTitle('primary');
  const clock = new SystemClock();
  const log = createLogger(config.log, { role: 'primary', index: 1 }, clock);
  exitOnFault(log);
  // A reader of our lines that goes away is no reason to stop.
  process.stdout.on('error', () => {});
  const dataDirectory = resolve(config.data.directory);
  const run = new RunDirectory(dataDirectory, part);
  const lock = await run.lock();
  if (lock === undefined) {
    const owner = run.readPid('primary');
    return refuse(
      `another sluice${part === 'all' ? '' : ` ${part}`}${owner === undefined ? '' : ` (process ${owner})`} runs on ${dataDirectory}; ` +
        'stop it, or set data.directory to another folder',
    );
  }
  const code = await runAlone(config, part, dataDirectory, run, clock, log);
  run.removePid('primary', process.pid);
  log.flush();
  await lock.release();
  return code;
}

/** Nobody else is at work on this data directory, except for the gates of a killed primary. */
async function runAlone(
  config: Config,
  part: SystemPart,
  dataDirectory: string,
  run: RunDirectory,
  clock: Clock,
  log: RootLogger,
): Promise<number> {
  try {
    const orphans = await settleOrphans(run, clock);
    const processes = processCounts(part, config);
    const gatePort = processes.gate === 0 ? 0 : await settleGatePort(config, orphans.length > 0);
    return await new Primary({ config, part, processes, dataDirectory, run, clock, log, orphans, gatePort }).run();
  } catch (error) {
    if (error instanceof RoleStartError) return refuse(error.message);
    throw error;
  }
}

/** Waits for the logic of a killed primary, which ends within a second; answers the gates, which go on. */
async function settleOrphans(run: RunDirectory, clock: Clock): Promise<Orphan[]> {
  for (let waitedMs = 0; waitedMs < ORPHAN_WAIT_MS; waitedMs += ORPHAN_POLL_MS) {
    const orphans = run.orphans();
    if (orphans.every((orphan) => orphan.role === 'gate')) return orphans;
    await delay(clock, ORPHAN_POLL_MS);
  }
  return run.orphans().filter((orphan) => orphan.role === 'gate');
}

function refuse(problem: string): number {
  process.stderr.write(`sluice: ${problem}\n`);
  return 1;
}

interface PrimaryParts {
  readonly config: Config;
  readonly part: SystemPart;
  readonly processes: ProcessCounts;
  readonly dataDirectory: string;
  readonly run: RunDirectory;
  readonly clock: Clock;
  readonly log: RootLogger;
  readonly orphans: readonly Orphan[];
  readonly gatePort: number;
}

function v8Flags(config: Config, role: ChildRole): string[] {
  const flags = role === 'gate' || role === 'logic' ? config[role].v8Flags : '';
  return flags.split(' ').filter((flag) => flag !== '');
}

function isPreferred(config: Config, role: ChildRole): boolean {
  return (role === 'logic' || role === 'api') && config[role].priority === 'high';
}

/** The primary starts what is to go first, and must not be late itself. */
function raisePriority(config: Config, log: RootLogger): boolean {
  if (!isPreferred(config, 'logic') && !isPreferred(config, 'api')) return false;
  const isRaised = setProcessPriority(process.pid, true);
  if (!isRaised) log.warn({}, 'the system allows no higher priority than that of others');
  return isRaised;
}

class Primary {
  readonly #parts: PrimaryParts;
  readonly #supervisor: Supervisor;
  #finish: (code: number) => void = () => {};
  #signals = 0;

  constructor(parts: PrimaryParts) {
    const { config, part, processes, dataDirectory, run, clock, log, gatePort } = parts;
    this.#parts = parts;
    const metrics = new Metrics();
    const isRaised = raisePriority(config, log);
    this.#supervisor = new Supervisor({
      clock,
      log,
      spawn: (spec, events) => {
        const child = spawnChild(spec, events, v8Flags(config, spec.role));
        // Children begin with what the primary has.
        if (isRaised && child.pid > 0) setProcessPriority(child.pid, isPreferred(config, spec.role));
        return child;
      },
      processes,
      start: {
        config,
        part,
        dataDirectory,
        trunkPath: run.trunkPath(config.trunk.path),
        gatePort,
        httpPort: httpPort(part, config),
      },
      silenceMs: config.supervisor.silenceMs,
      stopGraceMs: {
        gate: config.gate.drainMs + STOP_MARGIN_MS,
        api: STOP_MARGIN_MS,
        admin: STOP_MARGIN_MS,
        logic: STOP_MARGIN_MS,
      },
      ownMetrics: () => metrics.metricsAsJson(),
      onGiveUp: (reason) => {
        process.stderr.write(`sluice: giving up: ${reason}\n`);
        void this.#stop(1);
      },
      onDrain: () => {
        log.info({}, 'an operator asked for a drain');
        void this.#stop(0);
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
      await this.#supervisor.start();
      this.#started();
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      if (this.#signals === 0) {
        refuse(error.message);
        void this.#stop(1);
      }
    }
    return finished;
  }

  #started(): void {
    const { config, part, processes, dataDirectory, run, orphans, gatePort } = this.#parts;
    run.writePid('primary', process.pid);
    process.stdout.write(
      banner({ config, part, gatePort, httpPort: this.#supervisor.httpPort, gates: processes.gate, dataDirectory }),
    );
    for (const orphan of orphans) endOrphan(orphan);
  }

  #signalled(signal: string): void {
    this.#signals++;
    if (this.#signals > 1) {
      this.#supervisor.kill();
      process.exit(1);
    }
    this.#parts.log.info({ signal }, 'stopping');
    void this.#stop(0);
  }

  async #stop(code: number): Promise<void> {
    await this.#supervisor.stop();
    this.#finish(code);
  }
}

/** Lets a gate that outlived its primary say goodbye to its clients. */
function endOrphan(orphan: Orphan): void {
  try {
    process.kill(orphan.pid, 'SIGTERM');
  } catch {
    // It has ended by itself meanwhile.
  }
}
