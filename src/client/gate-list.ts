/** What the iplist answers, read with the distrust that a stranger's answer deserves. */
import { parseGateAddress } from './gate-address.ts';
import type { Backoff, GateList } from './storage.ts';

const GATES_MAX = 16;
const BASE_MS_MIN = 100;
const BASE_MS_MAX = 60_000;
const MAX_MS_MIN = 1000;
const MAX_MS_MAX = 600_000;
const TTL_MS_MIN = 1000;
const TTL_MS_MAX = 86_400_000;

/** Undefined when it names no gate. */
export function readGateList(text: string, etag: string, fetchedAtMs: number): GateList | undefined {
  const given = parsed(text);
  const named = Array.isArray(given['gates']) ? given['gates'] : [];
  const gates = named
    .filter((gate) => typeof gate === 'string' && parseGateAddress(gate) !== undefined)
    .slice(0, GATES_MAX);
  if (gates.length === 0) return undefined;
  const ttlMs = within(given['ttlMs'], TTL_MS_MIN, TTL_MS_MAX, TTL_MS_MIN);
  return { gates: gates as string[], backoff: backoffOf(given['backoff']), etag, fetchedAtMs, ttlMs };
}

function backoffOf(given: unknown): Backoff | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { baseMs, maxMs } = given as Record<string, unknown>;
  if (!isNumber(baseMs) || !isNumber(maxMs)) return undefined;
  return {
    baseMs: within(baseMs, BASE_MS_MIN, BASE_MS_MAX, BASE_MS_MIN),
    maxMs: within(maxMs, MAX_MS_MIN, MAX_MS_MAX, MAX_MS_MIN),
  };
}

function within(given: unknown, min: number, max: number, fallback: number): number {
  return isNumber(given) ? Math.min(max, Math.max(min, given)) : fallback;
}

function isNumber(given: unknown): given is number {
  return typeof given === 'number' && Number.isFinite(given);
}

function parsed(text: string): Record<string, unknown> {
  try {
    const given: unknown = JSON.parse(text);
    return typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
