import type { Random } from '../clock/random.ts';

/** A login that the store cannot serve now comes back after 5 to 30 s: a storm must not return in one piece. */
export function loginRetryMs(random: Random): number {
  return Math.round(5000 + 25_000 * random.fraction());
}

/** A refused request on a live connection is tried again after 0.5 to 2 s. */
export function requestRetryMs(random: Random): number {
  return Math.round(500 + 1500 * random.fraction());
}

/** A request that came before its session was compared with the store: that takes moments. */
export function confirmingRetryMs(random: Random): number {
  return Math.round(100 + 100 * random.fraction());
}
