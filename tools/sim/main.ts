/** `npm run sim`: runs many seeds, says what failed and how to see it again. */
import { parseArgs } from 'node:util';
import { SystemClock } from '../../src/clock/clock.ts';
import { formatReport } from '../history/report.ts';
import type { Mutation, StoreKind } from './plan.ts';
import { isGood, type SimResult, simulate } from './simulation.ts';

const USAGE = `npm run sim -- [--seeds N] [--from S] [--seed X] [--store model|embedded|mixed] [--trace]

  --seeds N    run N seeds (default 100)
  --from S     start with seed S (default 1)
  --seed X     run one seed
  --store      what the logic stores into (default mixed)
  --trace      print what happened in a seed that fails, or in the one that was asked for
  --mutation   build a defect in: early-ack, forgets-dedupe, lying-disk`;

const STORES: readonly string[] = ['model', 'embedded', 'mixed'];
const MUTATIONS: readonly string[] = ['none', 'early-ack', 'forgets-dedupe', 'lying-disk'];

interface Settings {
  readonly first: number;
  readonly count: number;
  readonly store: StoreKind;
  readonly mutation: Mutation;
  readonly showsTrace: boolean;
}

function readSettings(): Settings | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      seeds: { ...text, default: '100' },
      from: { ...text, default: '1' },
      seed: text,
      store: { ...text, default: 'mixed' },
      mutation: { ...text, default: 'none' },
      trace: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.seeds) : 1;
  const isKnown = STORES.includes(values.store) && MUTATIONS.includes(values.mutation);
  if (!Number.isSafeInteger(first) || !(count > 0) || !isKnown) return undefined;
  const store = values.store as StoreKind;
  return { first, count, store, mutation: values.mutation as Mutation, showsTrace: values.trace };
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === undefined) {
    console.error(USAGE);
    return 2;
  }
  const { first, count, store, mutation } = settings;
  const clock = new SystemClock();
  const startMs = clock.monotonicMs();
  let failed = 0;
  let virtualMs = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate({ seed, store, mutation, keepsTrace: settings.showsTrace });
    virtualMs += result.virtualMs;
    if (!isGood(result)) failed += 1;
    if (!isGood(result) || count === 1) show(result, settings);
  }
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  const pace = `${(count / seconds).toFixed(1)} seeds and ${Math.round(virtualMs / 1000 / seconds)} virtual seconds a second`;
  console.log(`${count} seeds, ${failed} failed; ${pace}`);
  return failed === 0 ? 0 : 1;
}

function show(result: SimResult, { store, mutation, showsTrace }: Settings): void {
  const { plan, report, faults, stuck, hash, events, virtualMs, trace } = result;
  for (const line of showsTrace ? trace : []) console.log(line);
  const faultKinds = [...plan.faults.keys()].join(' ') || 'none';
  console.log(`seed ${plan.seed} on ${plan.store}: ${events} events in ${virtualMs / 1000} s, trace ${hash}`);
  console.log(`faults: ${faultKinds}`);
  console.log(formatReport(report));
  for (const fault of faults) console.log(`fault: ${fault}`);
  for (const what of stuck) console.log(`not at rest: ${what}`);
  if (isGood(result)) return;
  const defect = mutation === 'none' ? '' : ` --mutation ${mutation}`;
  console.log(`FAILED. To repeat: npm run sim -- --seed ${plan.seed} --store ${store}${defect} --trace\n`);
}

process.exitCode = await main();
