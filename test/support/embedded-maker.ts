/** Embedded stores on a fault disk and a manual clock. */
import { Durability } from '../../src/model/durability.ts';
import type { Disk } from '../../src/store/disk.ts';
import { EmbeddedStore, type EmbeddedStoreOptions } from '../../src/store/embedded/embedded-store.ts';
import { ManualClock } from './manual-clock.ts';
import { SeededRandom } from './seeded-random.ts';
import { StoreDriver, WALL_START_MS } from './store-driver.ts';

export function embeddedDriver(
  disk: Disk,
  options: Partial<EmbeddedStoreOptions> = {},
  clock: ManualClock = new ManualClock(WALL_START_MS),
): StoreDriver {
  const store = new EmbeddedStore({
    disk,
    clock,
    random: new SeededRandom(7),
    durability: Durability.Disk,
    reserveBytes: 0,
    retention: () => ({ ageMs: 30 * 24 * 3_600_000, countMax: 100_000 }),
    ...options,
  });
  return new StoreDriver(store, clock);
}
