/** Cut networks: real processes in network namespaces, whose packets are dropped without a word. */

import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInNetwork, whyNoNamespaces } from './support/namespace-launch.ts';
import { PARTITION_SCENARIOS } from './support/partition-scenarios.ts';
import { NetworkForm } from './support/test-network.ts';

const PROGRAM = fileURLToPath(new URL('./support/partition-program.js', import.meta.url));
const SCENARIO_MS_MAX = 80_000;
const why = whyNoNamespaces();

for (const name of PARTITION_SCENARIOS.keys()) {
  test(name, async (context) => {
    if (why !== undefined) context.diagnostic(`through proxies: network namespaces cannot be had here (${why})`);
    const form = why === undefined ? NetworkForm.Namespaces : NetworkForm.Proxies;
    context.diagnostic(await runInNetwork(form, PROGRAM, [name], SCENARIO_MS_MAX));
  });
}

test('the same through proxies, as on machines without namespaces', async (context) => {
  const [name] = [...PARTITION_SCENARIOS.keys()].filter((title) => title.includes('cut off from everybody'));
  context.diagnostic(await runInNetwork(NetworkForm.Proxies, PROGRAM, [name as string], SCENARIO_MS_MAX));
});
