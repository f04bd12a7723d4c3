/** `multicast`: one trunk frame to many sessions of a gate. No store takes part; the bench stands in for logic. */
import { delay } from '../../src/clock/clock.ts';
import { Fleet } from '../fleet.ts';
import { MulticastRig } from '../peers/multicast-rig.ts';
import { CpuMeter, totalMicros } from '../process-usage.ts';
import { atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';

const SESSIONS_DEFAULT = 1000;
/** Fast enough that rounds meet in one write, as they do when a gate is busy. */
const DELIVERIES_PER_SECOND = 400_000;
const SECONDS_DEFAULT = 5;
const WARM_UP_ROUNDS = 200;
const SETTLE_MS = 500;
const LOGINS_AT_ONCE = 64;

export async function multicast(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, runtime, clock, random, budgets, say } = context;
  const sessions = settings.connections ?? SESSIONS_DEFAULT;
  const perSecond = settings.rate ?? DELIVERIES_PER_SECOND;
  const everyMs = (sessions * 1000) / perSecond;
  const rounds = Math.ceil(((settings.seconds ?? SECONDS_DEFAULT) * 1000) / everyMs);
  const rig = await MulticastRig.start(runtime, settings.nodeFlags);
  const fleet = await Fleet.create(
    { users: sessions, host: rig.host, port: rig.gatePort, atOnce: LOGINS_AT_ONCE, processesMin: settings.generators },
    random,
  );
  try {
    await fleet.growTo(sessions);
    await rig.run(WARM_UP_ROUNDS, everyMs, settings.payloadBytes);
    await delay(clock, SETTLE_MS);
    (await fleet.takeLatency()).destroy();
    const before = await fleet.counts();
    const meter = new CpuMeter(rig.processes);
    const startMs = clock.monotonicMs();
    await rig.run(rounds, everyMs, settings.payloadBytes);
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    await delay(clock, SETTLE_MS);
    const cpu = meter.lap();
    const after = await fleet.counts();
    const histogram = await fleet.takeLatency();
    const { p50, p99, p999 } = histogram.percentiles();
    histogram.destroy();
    const deliveries = after.deliveries - before.deliveries;
    const lost = rounds * sessions - deliveries;
    const perDelivery = totalMicros(cpu) / deliveries;
    const generatorShare = (after.cpuMicros - before.cpuMicros) / (seconds * 1e6);
    say(
      `${Math.round(deliveries / seconds)}/s, ${cpu.map(({ name, micros }) => `${name} ${(micros / deliveries).toFixed(2)} µs`).join(', ')}`,
    );
    return {
      metrics: {
        connectionsHeld: after.live,
        deliveriesPerSecond: { sluice: Math.round(deliveries / seconds) },
        cpuMicrosPerDelivery: { sluice: perDelivery },
        latencyMs: { p50, p99, p999 },
        lost,
        duplicated: after.doubled,
      },
      details: { rounds, sessions, cpu, generatorShare, withoutStore: true },
      findings: [
        atMost(`CPU per delivery, ${sessions} sessions`, perDelivery, budgets.multicastMicrosPerDelivery, 'µs'),
        reported('deliveries per second', deliveries / seconds, '/s'),
        atMost('deliveries lost', lost, 0, ''),
        atMost('out of order or doubled', after.doubled, 0, ''),
        reported('p99 to the clients', p99, 'ms'),
        reported('generator, share of a core', generatorShare, ''),
      ],
    };
  } finally {
    fleet.end();
    rig.stop();
  }
}
