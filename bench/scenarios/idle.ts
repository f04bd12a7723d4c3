/**
 * `idle`: users who are logged in, send heartbeats and do nothing else. What one more of them costs is the slope of
 * memory over several numbers of users, beside a bare `net` server in the same run.
 *
 *   N/4 ─ settle ─ measure ─ N/2 ─ settle ─ measure ─ … ─ N ─ measure ─ churn (a quarter leaves and returns) ─ measure ─ hold
 */
import { delay } from '../../src/clock/clock.ts';
import { BareHolder } from '../bare-holder.ts';
import { Fleet } from '../fleet.ts';
import { openFilesMax } from '../machine.ts';
import { type MemorySample, PROBE_FLAGS, sampleMemory } from '../memory-probe.ts';
import { collected, type MemoryStep, slopesOf } from '../memory-steps.ts';
import { kernelSlabBytes } from '../process-usage.ts';
import { atLeast, atMost, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import { connectionsOfOneProcess, gateWorkersFor, startSluice } from '../start-sluice.ts';
import type { SluiceSystem } from '../system-under-test.ts';

const CONNECTIONS_DEFAULT = 12_000;
const STEPS = 4;
const SETTLE_MS = 2000;
const LOGINS_AT_ONCE = 256;
const HEARTBEAT_MS = 60_000;
const HOLD_SECONDS_DEFAULT = 5;
const CHURN_PART = 4;
const RETURN_MS_MAX = 60_000;

export async function idle(context: ScenarioContext): Promise<ScenarioOutcome> {
  const { settings, runtime, random, clock, say } = context;
  const total = settings.connections ?? CONNECTIONS_DEFAULT;
  const gateWorkers = gateWorkersFor(settings, total);
  say(`${total} connections, ${gateWorkers} gate workers, ${openFilesMax()} descriptors a process`);
  const { sluice, stop } = await startSluice(context, { gateWorkers, nodeFlags: PROBE_FLAGS });
  const bare = await BareHolder.start(runtime, settings.nodeFlags);
  const plan = { users: total, host: sluice.host, port: sluice.gatePort, atOnce: LOGINS_AT_ONCE };
  const fleet = await Fleet.create({ ...plan, processesMin: settings.generators }, random);
  try {
    const steps: MemoryStep[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const connections = Math.round((total * step) / STEPS);
      const login = await fleet.growTo(connections);
      await fleet.beat(HEARTBEAT_MS);
      const bareConnections = Math.min(connections, Math.round((connectionsOfOneProcess() * step) / STEPS));
      await bare.growTo(bareConnections);
      await delay(clock, SETTLE_MS);
      const measured = {
        connections,
        bareConnections,
        loginsPerSecond: (login.loggedIn / login.elapsedMs) * 1000,
        failed: login.failed,
        system: await sampleMemory(clock, sluice.processes(), sluice.directory),
        bare: await sampleMemory(clock, bare.processes, bare.directory),
        kernelBytes: kernelSlabBytes(),
      };
      steps.push(measured);
      const gateMb = collected(measured.system, 'gate') / 1e6;
      say(`${connections} held, ${Math.round(measured.loginsPerSecond)} logins/s, gates ${gateMb.toFixed(1)} MB`);
      if (login.failed > 0) say(`failed: ${JSON.stringify(login.reasons)}`);
    }
    bare.stop();
    const churned = await churn(context, fleet, sluice, total);
    const holdMs = (settings.seconds ?? HOLD_SECONDS_DEFAULT) * 1000;
    await delay(clock, holdMs);
    const counts = await fleet.counts();
    say(`${counts.live} live after ${holdMs / 1000} s, ${counts.lost} lost ${JSON.stringify(counts.lostReasons)}`);
    const generatorBytes = collected(await sampleMemory(clock, fleet.processes, undefined), '');
    return outcome(context, steps, total, { ...counts, churned, generatorBytes });
  } finally {
    bare.stop();
    fleet.end();
    await stop();
  }
}

async function churn(
  { clock, say }: ScenarioContext,
  fleet: Fleet,
  sluice: SluiceSystem,
  total: number,
): Promise<readonly MemorySample[]> {
  await fleet.drop(Math.floor(total / CHURN_PART));
  await delay(clock, SETTLE_MS / 2);
  const { missing } = await fleet.comeBack('at-once', RETURN_MS_MAX);
  await delay(clock, SETTLE_MS);
  const samples = await sampleMemory(clock, sluice.processes(), sluice.directory);
  say(`after churn ${missing} missing, gates ${(collected(samples, 'gate') / 1e6).toFixed(1)} MB`);
  return samples;
}

interface Held {
  readonly live: number;
  readonly lost: number;
  readonly churned: readonly MemorySample[];
  readonly generatorBytes: number;
}

function outcome(context: ScenarioContext, steps: readonly MemoryStep[], users: number, held: Held): ScenarioOutcome {
  const { budgets } = context;
  const slopes = slopesOf(steps);
  const { gate, system, bare } = slopes;
  const logins = Math.max(...steps.map(({ loginsPerSecond }) => loginsPerSecond));
  const failed = steps.reduce((sum, step) => sum + step.failed, 0);
  const churnBytes = (collected(held.churned, 'gate') - collected((steps.at(-1) as MemoryStep).system, 'gate')) / users;
  const findings: Finding[] = [
    atLeast('connections held at the end', held.live, users, ''),
    atMost('logins failed', failed, 0, ''),
    atMost('connections lost', held.lost, 0, ''),
    reported('bare net, memory per connection', bare, 'B'),
    atMost('gate above bare, memory per connection', gate - bare, budgets.gateBytesOverBare, 'B'),
    atMost('all processes above bare, memory per connection', system - bare, budgets.systemBytesOverBare, 'B'),
    reported('gate, without a forced collection', slopes.gateUncollected, 'B'),
    reported('all processes, without a forced collection', slopes.systemUncollected, 'B'),
    reported('bare net, JavaScript heap per connection', slopes.bareHeap, 'B'),
    reported('gate, JavaScript heap per connection', slopes.gateHeap, 'B'),
    reported('logic, JavaScript heap per connection', slopes.logicHeap, 'B'),
    reported('gate, resident memory per connection', slopes.gateResident, 'B'),
    reported('gate, change by churn, per connection', churnBytes, 'B'),
    reported('kernel slabs per connection: both ends of ours and of a bare one', slopes.kernel, 'B'),
    reported('generators, memory in all', held.generatorBytes / 1e6, 'MB'),
    reported('logins per second during the ramp', logins, '/s'),
  ];
  return {
    metrics: {
      connectionsHeld: held.live,
      loginsPerSecond: Math.round(logins),
      bytesPerConnection: { gate: Math.round(gate), system: Math.round(system), bare: Math.round(bare) },
    },
    details: { steps, churned: held.churned },
    findings,
  };
}
