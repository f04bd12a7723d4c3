import { Durability } from '../src/model/durability.ts';
import { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { MemoryStore } from '../src/store/memory/memory-store.ts';
import { MemoryStoreData } from '../src/store/memory/memory-store-data.ts';
import { deviceContract } from './support/device-contract.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { type StoreMaker, storeContract } from './support/store-contract.ts';

function contract(name: string, maker: StoreMaker): void {
  storeContract(name, maker);
  deviceContract(name, maker);
}

contract('memory store', ({ clock, retention, queueOperationsMax }) => {
  const data = new MemoryStoreData();
  return () =>
    new MemoryStore({ clock, data, durability: Durability.Memory, retention: () => retention, queueOperationsMax });
});

for (const [name, durability] of Object.entries(Durability)) {
  contract(`embedded store at level ${name}`, ({ clock, retention, queueOperationsMax }) => {
    const disk = new FaultDisk();
    const random = new SeededRandom(1);
    return () => new EmbeddedStore({ disk, clock, random, durability, retention: () => retention, queueOperationsMax });
  });
}
