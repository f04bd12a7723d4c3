/**
 * `logins`: a burst of logins, tokens checked, so many under way at once; then twice as many users lose their connection
 * and all dial at the same moment. Who is refused goes on as the client library does.
 */
import { delay } from '../../src/clock/clock.ts';
import { disturbance, EvidenceMeter, generatorLimit } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { totalMicros } from '../process-usage.ts';
import { atLeast, atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { gateWorkersFor, startSluice } from '../start-sluice.ts';

const USERS_DEFAULT = 10_000;
const AT_ONCE = 256;
const RETURN_MS_MAX = 30_000;
const PAUSE_MS = 1000;

export async function logins(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, random, clock, budgets, say } = context;
  const inBurst = settings.connections ?? USERS_DEFAULT;
  const users = 2 * inBurst;
  const { sluice, stop } = await startSluice(context, { gateWorkers: gateWorkersFor(settings, users) });
  const plan = { users, host: sluice.host, port: sluice.gatePort, atOnce: AT_ONCE };
  const fleet = await Fleet.create({ ...plan, processesMin: settings.generators }, random);
  try {
    const meter = new EvidenceMeter(clock, sluice.processes(), fleet.processes);
    const burst = await fleet.growTo(inBurst);
    const evidence = meter.finish();
    const perLogin = totalMicros(evidence.cpu) / inBurst;
    const perSecond = (burst.loggedIn / burst.elapsedMs) * 1000;
    say(`${burst.loggedIn} in, ${burst.failed} failed ${JSON.stringify(burst.reasons)}, ${Math.round(perSecond)}/s`);
    await fleet.growTo(users);
    await fleet.drop(users);
    await delay(clock, PAUSE_MS);
    const together = await fleet.comeBack('at-once', RETURN_MS_MAX);
    const lastMs = together.backMs.at(-1) ?? RETURN_MS_MAX;
    const reasons = JSON.stringify(together.reasons);
    say(`${users} at once: the last one after ${Math.round(lastMs)} ms, ${together.missing} missing, ${reasons}`);
    const { live } = await fleet.counts();
    return {
      metrics: { loginsPerSecond: Math.round(perSecond), connectionsHeld: live },
      // Where the generator was the limit the system can do more: that matters only when it was too little.
      insufficient:
        disturbance(evidence) ?? (perSecond < budgets.loginsPerSecond ? generatorLimit(evidence) : undefined),
      details: { burst, together: { ...together, backMs: together.backMs.length } },
      findings: [
        atLeast(`logins per second, ${AT_ONCE} under way`, perSecond, budgets.loginsPerSecond, '/s'),
        atMost('logins failed', burst.failed, 0, ''),
        atMost(`of ${users} at once, not in within 30 s`, together.missing, 0, ''),
        reported(`of ${users} at once, the last one is in after`, lastMs / 1000, 's'),
        reported('tries for each of them', together.attempts / users, ''),
        reported('CPU per login, all processes', perLogin, 'µs'),
      ],
    };
  } finally {
    fleet.end();
    await stop();
  }
}
