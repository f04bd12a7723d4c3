/** Simulated runs for tests: many seeds, and what was broken in them as text that says how to see it again. */
import type { Violation } from '../../tools/history/report.ts';
import type { StoreKind } from '../../tools/sim/plan.ts';
import { type SimResult, simulate } from '../../tools/sim/simulation.ts';

export async function runSeeds(store: StoreKind, first: number, count: number): Promise<SimResult[]> {
  const results: SimResult[] = [];
  for (let seed = first; seed < first + count; seed += 1) results.push(await simulate({ seed, store }));
  return results;
}

/** The violations of these kinds, with examples. */
export function violations(results: readonly SimResult[], ...kinds: Violation[]): string[] {
  return results.flatMap((result) =>
    kinds.flatMap((kind) => result.report.examples[kind].map((example) => `${kind}: ${example}; ${repeat(result)}`)),
  );
}

export function faults(results: readonly SimResult[]): string[] {
  return results.flatMap((result) => result.faults.map((fault) => `${fault}; ${repeat(result)}`));
}

export function stuck(results: readonly SimResult[]): string[] {
  return results.flatMap((result) => result.stuck.map((what) => `${what}; ${repeat(result)}`));
}

function repeat({ plan }: SimResult): string {
  return `npm run sim -- --seed ${plan.seed} --store ${plan.store} --trace`;
}
