/**
 * What a run leaves behind: one JSON object. The keys of `metrics` are stable, checks outside the repository read them;
 * `details` holds whatever the scenario measured beside them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Machine } from './machine.ts';

export const Verdict = {
  Pass: 'pass',
  Fail: 'fail',
  /** The load was the limit, or the machine could not carry it: the figures say nothing about the system. */
  Insufficient: 'insufficient-evidence',
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

export type BySystem = Partial<Record<'sluice' | 'bare' | 'mosquitto' | 'aedes', number>>;

export interface ResultMetrics {
  connectionsHeld?: number;
  loginsPerSecond?: number;
  /** Slopes of anonymous memory over the number of connections. */
  bytesPerConnection?: { gate?: number; system?: number; bare?: number };
  deliveriesPerSecond?: BySystem;
  cpuMicrosPerDelivery?: BySystem;
  latencyMs?: { p50: number; p99: number; p999: number };
  lost?: number;
  duplicated?: number;
  reordered?: number;
}

/** One row of the summary: a target and what was measured. */
export interface Finding {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Absent: only reported. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
  readonly holds: boolean;
}

/** What a scenario hands back. */
export interface ScenarioOutcome {
  readonly metrics: ResultMetrics;
  readonly details: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
  /** Set when the figures say nothing about the system. */
  readonly insufficient?: string | undefined;
}

export interface BenchResult {
  readonly scenario: string;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly startedAt: string;
  readonly machine: Machine;
  readonly runtime: string;
  readonly profile: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly metrics: ResultMetrics;
  readonly findings: readonly Finding[];
  readonly details: Readonly<Record<string, unknown>>;
}

export function atMost(what: string, value: number, limit: number, unit: string): Finding {
  return { what, value, unit, target: { atMost: limit }, holds: value <= limit };
}

export function atLeast(what: string, value: number, limit: number, unit: string): Finding {
  return { what, value, unit, target: { atLeast: limit }, holds: value >= limit };
}

export function reported(what: string, value: number, unit: string): Finding {
  return { what, value, unit, holds: true };
}

export function verdictOf(outcome: ScenarioOutcome): { verdict: Verdict; reason: string } {
  const broken = outcome.findings.filter(({ holds }) => !holds).map(({ what }) => what);
  if (outcome.insufficient !== undefined) return { verdict: Verdict.Insufficient, reason: outcome.insufficient };
  if (broken.length > 0) return { verdict: Verdict.Fail, reason: `beyond the target: ${broken.join('; ')}` };
  return { verdict: Verdict.Pass, reason: '' };
}

export function writeResult(file: string, result: BenchResult): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
}
