/** `node partition-program.js <form of network> <scenario>`: one scenario of cut networks, judged; ends with 0 when it holds. */
import { PARTITION_SCENARIOS } from './partition-scenarios.ts';
import { PartitionedWorld } from './partitioned-world.ts';
import { NetworkForm } from './test-network.ts';

const [, , form, name = ''] = process.argv;
const scenario = PARTITION_SCENARIOS.get(name);
if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
const world = await PartitionedWorld.start(form === NetworkForm.Proxies ? NetworkForm.Proxies : NetworkForm.Namespaces);
let failure: unknown;
try {
  await scenario(world);
} catch (error) {
  failure = error;
  for (const { place, role } of [...world.logics, ...world.gates]) console.error(`${place.name}:\n${role.logs}`);
}
await world.stop();
if (failure !== undefined) console.error(failure);
process.exit(failure === undefined ? 0 : 1);
