/**
 * `npm run bench -- SCENARIO …`: measures, prints a summary, writes JSON and a page on demand. Exits with 1 beyond a
 * budget, with 2 when the evidence is insufficient.
 */
import { SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { parseArguments, REPORT } from './arguments.ts';
import { budgetsOf } from './budgets.ts';
import { describeMachine } from './machine.ts';
import { readResult, writePage } from './report/render.ts';
import { type BenchResult, Verdict, verdictOf, writeResult } from './result.ts';
import { ownRuntime, runtimeOf } from './runtime.ts';
import { SCENARIO_TEXTS, SCENARIOS } from './scenarios.ts';
import { summary } from './summary.ts';

const REPORT_FILE = 'bench/results/report.html';

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  [Verdict.Pass]: 0,
  [Verdict.Fail]: 1,
  [Verdict.Insufficient]: 2,
};

async function main(): Promise<number> {
  const clock = new SystemClock();
  const given = parseArguments(process.argv.slice(2), SCENARIO_TEXTS);
  if (given.scenario === REPORT) {
    await writePage(given.html ?? REPORT_FILE, given.files.map(readResult));
    return 0;
  }
  const runtime = given.runtime === undefined ? ownRuntime() : runtimeOf(given.runtime);
  const startMs = clock.wallMs();
  const say = (line: string): void => {
    process.stdout.write(`${((clock.wallMs() - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  };
  const context = {
    settings: given.settings,
    budgets: budgetsOf(runtime.version),
    runtime,
    clock,
    random: new SystemRandom(),
    say,
  };
  const outcome = await (SCENARIOS[given.scenario] as (typeof SCENARIOS)[string])(context);
  const { verdict, reason } = verdictOf(outcome);
  const result: BenchResult = {
    scenario: given.scenario,
    verdict,
    reason,
    startedAt: new Date(startMs).toISOString(),
    machine: describeMachine(),
    runtime: `node ${runtime.version}`,
    profile: given.settings.config['profile'] ?? 'trusted',
    settings: { ...given.settings },
    metrics: outcome.metrics,
    findings: outcome.findings,
    details: outcome.details,
  };
  process.stdout.write(summary(result));
  if (given.json !== undefined) writeResult(given.json, result);
  if (given.html !== undefined) await writePage(given.html, [result]);
  return EXIT_CODES[verdict];
}

process.exitCode = await main();
