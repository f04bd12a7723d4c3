/** `sync`: users come back to a backlog and pull it in pages. */
import { delay } from '../../src/clock/clock.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { totalMicros } from '../process-usage.ts';
import { pushInBatches } from '../pushes.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';

const USERS_DEFAULT = 200;
const MESSAGES_EACH = 200;
const LOGINS_AT_ONCE = 64;
const POLL_MS = 20;
const PULL_MS_MAX = 60_000;

export async function sync(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, clock, random, say } = context;
  const users = settings.connections ?? USERS_DEFAULT;
  const { sluice, stop } = await startSluice(context);
  const fleet = await Fleet.create(
    { users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE, processesMin: settings.generators },
    random,
  );
  try {
    const targets = Array.from({ length: users * MESSAGES_EACH }, (_, i) => fleet.userName(i % users));
    const stored = await pushInBatches(clock, sluice.apiPort, targets, settings.payloadBytes);
    say(`${stored} messages wait for ${users} users`);
    const meter = new EvidenceMeter(clock, sluice.processes(), fleet.processes);
    const startMs = clock.monotonicMs();
    await fleet.growTo(users);
    let counts = await fleet.counts();
    while (counts.deliveries < stored && clock.monotonicMs() - startMs < PULL_MS_MAX) {
      await delay(clock, POLL_MS);
      counts = await fleet.counts();
    }
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    const evidence = meter.finish();
    const micros = totalMicros(evidence.cpu);
    const perSecond = counts.deliveries / seconds;
    const lost = stored - (counts.deliveries - counts.doubled);
    return {
      metrics: {
        connectionsHeld: counts.live,
        deliveriesPerSecond: { sluice: Math.round(perSecond) },
        cpuMicrosPerDelivery: { sluice: micros / counts.deliveries },
        lost,
        duplicated: counts.doubled,
      },
      details: { stored, seconds, counts, cpu: evidence.cpu },
      insufficient: disturbance(evidence),
      findings: [
        reported('messages pulled per second, logins included', perSecond, '/s'),
        reported('CPU per message, logins included', micros / counts.deliveries, 'µs'),
        reported('messages on a page', counts.deliveries / counts.pages, ''),
        atMost('messages lost', lost, 0, ''),
        atMost('messages doubled', counts.doubled, 0, ''),
      ],
    };
  } finally {
    fleet.end();
    await stop();
  }
}
