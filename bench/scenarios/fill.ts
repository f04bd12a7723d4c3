/**
 * `fill`: several gate workers behind one port, filled to 96 % of all their places; then one full worker dies. The system
 * spreads connections by hash: a worker that is nearly full must leave the rest to the others, and the clients of the dead
 * one must all find a place.
 */
import { totalmem } from 'node:os';
import { delay } from '../../src/clock/clock.ts';
import { disturbance, EvidenceMeter } from '../evidence.ts';
import { Fleet } from '../fleet.ts';
import { raiseKernelSettings } from '../kernel-settings.ts';
import { atLeast, atMost, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { startSluice } from '../start-sluice.ts';

const PLACES_DEFAULT = 20_000;
const WORKERS_MIN = 4;
const FILL = 0.96;
const LOGINS_AT_ONCE = 256;
const HEARTBEAT_MS = 60_000;
const SETTLE_MS = 2000;
const RETURN_MS_MAX = 120_000;

export async function fill(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, random, clock, say } = context;
  const gateWorkers = Math.max(WORKERS_MIN, settings.gateWorkers);
  const perWorker = Math.floor((settings.connections ?? PLACES_DEFAULT) / gateWorkers);
  const users = Math.floor(perWorker * gateWorkers * FILL);
  const kernel = raiseKernelSettings(users, totalmem());
  for (const line of kernel.said) say(line);
  const { sluice, stop } = await startSluice(context, {
    gateWorkers,
    config: { 'gate.connectionsMax': String(perWorker) },
  });
  const plan = { users, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create({ ...plan, processesMin: settings.generators }, random);
  const refused = async (): Promise<number> => (await sluice.metrics()).get('sluice_gate_refused_full_total') ?? 0;
  const meter = (): EvidenceMeter =>
    new EvidenceMeter(clock, sluice.processes(), [...fleet.processes, { name: 'bench', pid: process.pid }]);
  try {
    await fleet.beat(HEARTBEAT_MS);
    const filling = meter();
    const login = await fleet.growTo(users);
    await delay(clock, SETTLE_MS);
    const refusedFilling = await refused();
    say(
      `${login.loggedIn} of ${perWorker * gateWorkers} places taken, ${refusedFilling} refused, ${login.failed} failed`,
    );
    const evidence = filling.finish();
    const full = sluice.processes().find(({ name }) => name.startsWith('gate'));
    if (full !== undefined) process.kill(full.pid, 'SIGKILL');
    const lost = await lostAfterKill(context, fleet);
    say(`a gate killed, ${lost} connections lost`);
    const returning = meter();
    const back = await fleet.comeBack('jittered', RETURN_MS_MAX);
    const backS = (back.backMs.at(-1) ?? Number.NaN) / 1000;
    say(`${back.backMs.length} back after ${backS.toFixed(1)} s, ${back.missing} missing, ${back.attempts} tries`);
    const counts = await fleet.counts();
    const insufficient = disturbance(evidence) ?? disturbance(returning.finish());
    return {
      insufficient,
      metrics: { connectionsHeld: counts.live, loginsPerSecond: Math.round((login.loggedIn / login.elapsedMs) * 1000) },
      details: { gateWorkers, perWorker, users, login, lost, back: { ...back, backMs: back.backMs.length } },
      findings: [
        atLeast('places taken, of all', login.loggedIn / (perWorker * gateWorkers), FILL - 0.001, ''),
        atMost('refused while filling', refusedFilling, 0, ''),
        atMost('logins failed while filling', login.failed, 0, ''),
        atLeast('connections of the worker that was killed', lost, 1, ''),
        atMost('connections of other workers lost', Math.max(0, lost - perWorker), 0, ''),
        atMost('clients of the killed worker that are not back', back.missing, 0, ''),
        atLeast('connections held at the end', counts.live, users, ''),
        reported('all are back after', backS, 's'),
        reported('tries for each of them', back.attempts / Math.max(1, lost), ''),
      ],
    };
  } finally {
    fleet.end();
    await stop();
    kernel.restore();
  }
}

/** Generators learn of the broken connections one by one. */
async function lostAfterKill({ clock }: ScenarioContext, fleet: Fleet): Promise<number> {
  await delay(clock, SETTLE_MS / 2);
  return (await fleet.counts()).lost;
}
