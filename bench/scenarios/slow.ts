/** `slow`: users who stop reading are flooded, beside pairs who must not notice. */
import { delay } from '../../src/clock/clock.ts';
import { BackgroundPairs } from '../background-pairs.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { memoryOf } from '../process-usage.ts';
import { pushInBatches } from '../pushes.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';
import type { SluiceSystem } from '../system-under-test.ts';

const USERS_DEFAULT = 500;
const PUSHES_EACH = 40;
const PUSH_BYTES = 8000;
const LIVE_PER_SECOND = 1000;
const QUIET_MS = 2000;
const LOGINS_AT_ONCE = 64;
/** What a connection that does not read may pin: the outbox's soft limit, and as much again for its parts. */
const BYTES_EACH_MAX = 512 * 1024;

export async function slow(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, clock, random, say } = context;
  const users = settings.connections ?? USERS_DEFAULT;
  const { sluice, stop } = await startSluice(context);
  const fleet = await Fleet.create({ users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE }, random);
  const live = await BackgroundPairs.start(sluice, random, LIVE_PER_SECOND, settings.payloadBytes);
  try {
    await fleet.growTo(users);
    await delay(clock, QUIET_MS);
    const before = await live.lap();
    const memoryBefore = gateBytes(sluice);
    const generators = [...fleet.processes, ...live.processes, { name: 'bench', pid: process.pid }];
    const meter = new EvidenceMeter(clock, sluice.processes(), generators);
    await fleet.setReading(users, false);
    const targets = Array.from({ length: users * PUSHES_EACH }, (_, i) => fleet.userName(i % users));
    const stored = await pushInBatches(clock, sluice.apiPort, targets, PUSH_BYTES);
    const during = await live.lap();
    const evidence = meter.finish();
    const perUser = (gateBytes(sluice) - memoryBefore) / users;
    say(
      `${stored} pushes to ${users} who do not read; live p99 ${before.p99.toFixed(1)} → ${during.p99.toFixed(1)} ms`,
    );
    await fleet.setReading(users, true);
    const faults = await live.finish();
    return {
      metrics: {
        connectionsHeld: (await fleet.counts()).live,
        latencyMs: { p50: during.p50, p99: during.p99, p999: during.p999 },
        ...faults,
      },
      details: { before, during, stored },
      insufficient: disturbance(evidence),
      findings: [
        atMost('gate memory for each user who does not read', perUser, BYTES_EACH_MAX, 'B'),
        reported('live traffic before, p99', before.p99, 'ms'),
        reported('live traffic meanwhile, p99', during.p99, 'ms'),
        atMost('live messages lost', faults.lost, 0, ''),
      ],
    };
  } finally {
    live.end();
    fleet.end();
    await stop();
  }
}

function gateBytes(sluice: SluiceSystem): number {
  return sluice
    .processes()
    .filter(({ name }) => name.startsWith('gate'))
    .reduce((sum, { pid }) => sum + memoryOf(pid).anonymousBytes, 0);
}
