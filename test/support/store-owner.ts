/** A process that opens the store in the directory it is given, says how that went, and stays until it is killed. */
import { SystemClock } from '../../src/clock/clock.ts';
import { SystemRandom } from '../../src/clock/random.ts';
import { Durability } from '../../src/model/durability.ts';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../../src/store/embedded/node-disk.ts';

const store = new EmbeddedStore({
  disk: new NodeDisk(process.argv[2] ?? ''),
  clock: new SystemClock(),
  random: new SystemRandom(),
  durability: Durability.Disk,
  retention: () => ({ ageMs: 1e12, countMax: 1000 }),
  reserveBytes: 0,
});

try {
  await store.open({ committed: () => undefined, refused: () => undefined, failed: () => undefined });
  process.stdout.write('open\n');
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
process.stdin.resume();
