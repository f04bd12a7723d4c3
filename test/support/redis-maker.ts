/** Redis stores for tests. */

import { BUS_SCRIPTS } from '../../src/bus/stream-scripts.ts';
import { type Clock, SystemClock } from '../../src/clock/clock.ts';
import type { RedisAddress } from '../../src/store/redis/redis-client.ts';
import { RedisStore } from '../../src/store/redis/redis-store.ts';
import type { RedisStoreOptions } from '../../src/store/redis/redis-store-options.ts';
import { RoutingClient, type RoutingOptions } from '../../src/store/redis/routing-client.ts';
import { STORE_SCRIPTS } from '../../src/store/redis/scripts.ts';
import type { ManualClock } from './manual-clock.ts';
import { SeededRandom } from './seeded-random.ts';

const systemClock = new SystemClock();
/** Every store of a test process is another logic. */
let seed = 1;

export interface MadeStore {
  store: RedisStore;
  client: RoutingClient;
}

export function makeRedisClient(servers: readonly RedisAddress[], client: Partial<RoutingOptions> = {}): RoutingClient {
  return new RoutingClient({
    servers,
    cluster: servers.length > 1,
    clock: systemClock,
    scripts: [...STORE_SCRIPTS, ...BUS_SCRIPTS],
    commandTimeoutMs: 1000,
    connectTimeoutMs: 1000,
    openTimeoutMs: 10_000,
    replicas: 0,
    replicaTimeoutMs: 500,
    ...client,
  });
}

export function makeRedisStore(
  servers: readonly RedisAddress[],
  store: Partial<RedisStoreOptions> = {},
  client: Partial<RoutingOptions> = {},
): MadeStore {
  const clock: Clock = store.clock ?? systemClock;
  const routing = makeRedisClient(servers, { clock, ...client });
  const made = new RedisStore({
    client: routing,
    clock,
    random: new SeededRandom(seed++),
    retention: () => ({ ageMs: 30 * 24 * 3_600_000, countMax: 1_000_000 }),
    firstEpoch: 1,
    partitions: 16,
    ...store,
  });
  return { store: made, client: routing };
}

/**
 * Sockets answer while a manual clock stands still: every step of `clock` also waits for what they bring, a real
 * millisecond at a time, so that time-outs on that clock are not shorter than real ones.
 */
export function letSocketsWork(clock: ManualClock): void {
  const settle = clock.settle.bind(clock);
  clock.settle = async () => {
    await settle();
    await new Promise<void>((resolve) => {
      systemClock.setTimer(resolve, 1);
    });
    await settle();
  };
}
