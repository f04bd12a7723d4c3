/** Calls that may be repeated as they are, until the server is there. */
import { type Clock, delay } from '../../clock/clock.ts';
import { CallOutcome, RedisCallError } from './client.ts';

const PAUSE_MS = 20;
const TRIES_MAX = 500;

export async function retried<T>(
  clock: Clock,
  call: () => Promise<T>,
  isOver: () => boolean = () => false,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const isFinal = !(error instanceof RedisCallError) || error.outcome === CallOutcome.Fatal;
      if (isFinal || tries === TRIES_MAX || isOver()) throw error;
      await delay(clock, PAUSE_MS);
    }
  }
}
