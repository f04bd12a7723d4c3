/** How long clients are asked to wait, jittered, so that they do not come back in one moment. */
import type { Random } from '../clock/random.ts';

const AWAY_MS = 500;
const AWAY_SPREAD_MS = 1500;
const REGISTERING_MS = 100;

/** No owner of the user's partition is there. */
export function awayMs(random: Random): number {
  return Math.round(AWAY_MS + AWAY_SPREAD_MS * random.fraction());
}

/** The owner is there and will know the session in a moment. */
export function registeringMs(random: Random): number {
  return Math.round(REGISTERING_MS * (1 + random.fraction()));
}
