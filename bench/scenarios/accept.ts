/**
 * `accept`: how many connections a gate worker accepts while it is busy with 100,000 frames a second, with one listener
 * and with as many as it has by itself. A listener hands over one connection in each turn of the event loop.
 */
import { delay } from '../../src/clock/clock.ts';
import { randomHex } from '../../src/clock/random.ts';
import type { AcceptReport } from '../load/accept-probe.ts';
import { LatencyHistogram } from '../load/latency-histogram.ts';
import { LoadProcess } from '../load/load-process.ts';
import { type BesideLoad, type PairRun, runPairs } from '../pair-run.ts';
import { describeRun } from '../pair-systems.ts';
import { atLeast, atMost, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';
import type { SluiceSystem } from '../system-under-test.ts';

/** Messages per second: each is a SEND, a SENDACK, a MESSAGE and its part of an ACK. */
const RATE_DEFAULT = 33_000;
const DIALS_AT_ONCE = 512;
const SECONDS_DEFAULT = 6;
const WARM_UP_MS = 1500;
const ACCEPTS_PER_SECOND_MIN = 3000;
const RUN_ID_BYTES = 4;

interface Accepting {
  readonly acceptsPerSecond: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly answerMs: { readonly p50: number; readonly p99: number };
  readonly framesPerSecond: number;
  readonly run: PairRun;
}

export async function accept(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { config } = context.settings;
  const one = await measure(context, { ...config, 'gate.listeners': '1' });
  const own = await measure(context, config);
  const { run } = own;
  const { p50, p99, p999 } = run.latencyMs;
  const findings: Finding[] = [
    atLeast('connections accepted per second', own.acceptsPerSecond, ACCEPTS_PER_SECOND_MIN, '/s'),
    reported('with one listener', one.acceptsPerSecond, '/s'),
    reported('frames in and out meanwhile', own.framesPerSecond, '/s'),
    reported('with one listener, frames in and out', one.framesPerSecond, '/s'),
    atMost('dials that failed', own.failed, 0, ''),
    reported('from the dial to the first answer, p99', own.answerMs.p99, 'ms'),
    reported('with one listener, from the dial to the first answer, p99', one.answerMs.p99, 'ms'),
    reported('messages meanwhile, p99', p99, 'ms'),
    atMost('messages lost', run.lost, 0, ''),
  ];
  const { lost, duplicated, reordered } = run;
  return {
    metrics: {
      deliveriesPerSecond: { sluice: run.deliveriesPerSecond },
      latencyMs: { p50, p99, p999 },
      lost,
      duplicated,
      reordered,
    },
    details: { own, one },
    findings,
    insufficient: one.run.insufficient ?? run.insufficient,
  };
}

async function measure(context: ScenarioContext, config: Readonly<Record<string, string>>): Promise<Accepting> {
  const { settings, clock, random, say } = context;
  const { sluice, stop } = await startSluice({ ...context, settings: { ...settings, config, gateWorkers: 1 } });
  const prober = new LoadProcess();
  try {
    const counter = new AcceptCounter(context, sluice, prober);
    const run = await runPairs(clock, {
      system: 'sluice',
      protocol: 'sluice',
      host: sluice.host,
      port: sluice.gatePort,
      processes: sluice.processes(),
      otherGenerators: [{ name: 'dials', pid: prober.pid }],
      rate: settings.rate ?? RATE_DEFAULT,
      pairs: settings.pairs,
      inFlight: settings.inFlight,
      payloadBytes: settings.payloadBytes,
      generators: settings.generators,
      warmUpMs: WARM_UP_MS,
      measureMs: (settings.seconds ?? SECONDS_DEFAULT) * 1000,
      runId: randomHex(random, RUN_ID_BYTES),
      beside: counter,
    });
    say(describeRun(run));
    const accepting = { ...(await counter.counted()), run };
    const { acceptsPerSecond, framesPerSecond, reasons } = accepting;
    say(
      `${Math.round(acceptsPerSecond)} accepted/s, ${Math.round(framesPerSecond)} frames/s ${JSON.stringify(reasons)}`,
    );
    return accepting;
  } finally {
    prober.end();
    await stop();
  }
}

/** Dials beside the measured traffic. */
class AcceptCounter implements BesideLoad {
  readonly #context: ScenarioContext;
  readonly #sluice: SluiceSystem;
  readonly #prober: LoadProcess;
  #frames = 0;
  #startMs = 0;
  #seconds = 0;
  #report: AcceptReport | undefined;

  constructor(context: ScenarioContext, sluice: SluiceSystem, prober: LoadProcess) {
    this.#context = context;
    this.#sluice = sluice;
    this.#prober = prober;
  }

  async begin(): Promise<void> {
    const { host, gatePort: port } = this.#sluice;
    await this.#prober.call('startAccepts', { host, port, atOnce: DIALS_AT_ONCE });
    await delay(this.#context.clock, WARM_UP_MS);
    await this.#prober.call('takeAccepts');
    this.#frames = await this.#framesNow();
    this.#startMs = this.#context.clock.monotonicMs();
  }

  async end(): Promise<void> {
    this.#report = await this.#prober.call('takeAccepts');
    this.#seconds = (this.#context.clock.monotonicMs() - this.#startMs) / 1000;
    this.#frames = (await this.#framesNow()) - this.#frames;
    await this.#prober.call('stopAccepts');
  }

  async counted(): Promise<Omit<Accepting, 'run'>> {
    const { answered, failed, reasons, latency } = this.#report as AcceptReport;
    const histogram = await LatencyHistogram.merged([latency]);
    const { p50, p99 } = histogram.percentiles();
    histogram.destroy();
    return {
      acceptsPerSecond: answered / this.#seconds,
      failed,
      reasons,
      answerMs: { p50, p99 },
      framesPerSecond: this.#frames / this.#seconds,
    };
  }

  async #framesNow(): Promise<number> {
    const metrics = await this.#sluice.metrics();
    return (metrics.get('sluice_gate_frames_in_total') ?? 0) + (metrics.get('sluice_gate_frames_out_total') ?? 0);
  }
}
