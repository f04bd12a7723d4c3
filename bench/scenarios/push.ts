/** `push`: a business service pushes to users over HTTP, at a rate, beside everything that is idle. */
import { delay } from '../../src/clock/clock.ts';
import { EvidenceMeter, insufficiency } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { totalMicros } from '../process-usage.ts';
import { pushAtRate } from '../pushes.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';

const USERS_DEFAULT = 2000;
const RATE_DEFAULT = 1000;
const SECONDS_DEFAULT = 5;
const SETTLE_MS = 1000;
const HEARTBEAT_MS = 60_000;
const LOGINS_AT_ONCE = 256;
const P99_MS_MAX = 100;

export async function push(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, clock, random, say } = context;
  const users = settings.connections ?? USERS_DEFAULT;
  const perSecond = settings.rate ?? RATE_DEFAULT;
  const { sluice, stop } = await startSluice(context);
  const plan = { users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create({ ...plan, processesMin: settings.generators }, random);
  try {
    const login = await fleet.growTo(users);
    await fleet.beat(HEARTBEAT_MS);
    say(`${login.loggedIn} users, ${perSecond} pushes/s`);
    const generators = [...fleet.processes, { name: 'autocannon', pid: process.pid }];
    const meter = new EvidenceMeter(clock, sluice.processes(), generators);
    const report = await pushAtRate(clock, {
      apiPort: sluice.apiPort,
      perSecond,
      seconds: settings.seconds ?? SECONDS_DEFAULT,
      target: () => fleet.userName(Math.floor(random.fraction() * users)),
      firstNumber: 0,
      payloadBytes: settings.payloadBytes,
    });
    const evidence = meter.finish();
    const micros = totalMicros(evidence.cpu);
    await delay(clock, SETTLE_MS);
    const counts = await fleet.counts();
    const histogram = await fleet.takeLatency();
    const { p50, p99, p999 } = histogram.percentiles();
    histogram.destroy();
    const distinct = counts.deliveries - counts.doubled;
    const lost = Math.max(0, report.stored - distinct);
    const perDelivery = micros / Math.max(1, distinct);
    return {
      metrics: {
        connectionsHeld: counts.live,
        deliveriesPerSecond: { sluice: Math.round(distinct / (settings.seconds ?? SECONDS_DEFAULT)) },
        cpuMicrosPerDelivery: { sluice: perDelivery },
        latencyMs: { p50, p99, p999 },
        lost,
        duplicated: counts.doubled,
      },
      details: { report, counts, cpu: evidence.cpu },
      insufficient: insufficiency(evidence),
      findings: [
        reported('pushes stored', report.stored, ''),
        atMost('pushes refused or unanswered', report.refused + report.unanswered, 0, ''),
        atMost('pushes lost', lost, 0, ''),
        atMost('pushes doubled', counts.doubled, 0, ''),
        atMost('from the request to the user, p99', p99, P99_MS_MAX, 'ms'),
        reported('HTTP request, p99', report.requestLatencyMs.p99, 'ms'),
        reported('CPU per push, all processes', perDelivery, 'µs'),
      ],
    };
  } finally {
    fleet.end();
    await stop();
  }
}
