/** The rows of `hold`: targets and values. */

import { openFilesMax } from '../machine.ts';
import { slopesOf } from '../memory-steps.ts';
import { atLeast, atMost, type Finding, reported, type ScenarioOutcome } from '../result.ts';
import type { ScenarioContext } from '../scenario.ts';
import type { HeldReport } from './hold.ts';

const PUSH_P99_MS_MAX = 100;
const FIRST_SEND_S_MAX = 2;
const CONFIRMED_S_MAX = 30;
const GIB = 2 ** 30;

export function holdOutcome({ settings, budgets }: ScenarioContext, held: HeldReport): ScenarioOutcome {
  const { ramp, pushes, pushesAfter } = held;
  const { gate, system, bare } = slopesOf(ramp.steps);
  return {
    metrics: {
      connectionsHeld: held.live,
      loginsPerSecond: Math.round(ramp.loginsPerSecond),
      bytesPerConnection: { gate: Math.round(gate), system: Math.round(system), bare: Math.round(bare) },
      latencyMs: { p50: pushes.latencyMs.p50, p99: pushes.latencyMs.p99, p999: pushes.latencyMs.p999 },
      lost: pushes.lost + pushesAfter.lost,
      duplicated: pushes.doubled + pushesAfter.doubled,
    },
    details: { ...held, ramp: undefined, steps: ramp.steps, loginFailures: ramp.reasons, descriptors: openFilesMax() },
    insufficient: held.insufficient,
    findings: [
      atLeast('connections held at the end', held.live, held.plan.connections, ''),
      atLeast('held for', Math.round(held.heldMs / 1000), settings.seconds ?? 0, 's'),
      atMost('connections dropped', held.lost, 0, ''),
      atMost('logins failed', ramp.failed, 0, ''),
      reported('logins per second, the whole ramp', ramp.loginsPerSecond, '/s'),
      ...memoryFindings(held, budgets.gateBytesOverBare, budgets.systemBytesOverBare),
      ...pushFindings(held),
      ...killFindings(held),
    ],
  };
}

function memoryFindings({ ramp, memory, busyCores }: HeldReport, gateMax: number, systemMax: number): Finding[] {
  const { gate, system, bare, kernel } = slopesOf(ramp.steps);
  return [
    reported('bare net, memory per connection', bare, 'B'),
    atMost('gate above bare, memory per connection', gate - bare, gateMax, 'B'),
    atMost('all processes above bare, memory per connection', system - bare, systemMax, 'B'),
    reported('kernel slabs per connection, both ends', kernel, 'B'),
    reported('gates, memory in all', memory.gates / GIB, 'GiB'),
    reported('all our processes, memory in all', memory.system / GIB, 'GiB'),
    reported('generators, memory in all', memory.generators / GIB, 'GiB'),
    reported('kernel slabs, in all', memory.kernelSlabs / GIB, 'GiB'),
    atMost('the machine, memory in use', memory.machine / GIB, 24, 'GiB'),
    reported('heartbeats alone, our processes', busyCores.system, 'cores'),
    reported('heartbeats alone, generators', busyCores.generators, 'cores'),
  ];
}

function pushFindings({ pushes, pushesAfter }: HeldReport): Finding[] {
  return [
    reported('pushes to random users', pushes.stored, ''),
    atMost('pushes refused or unanswered', pushes.refused + pushes.unanswered, 0, ''),
    atMost('pushes lost', pushes.lost, 0, ''),
    atMost('pushes doubled', pushes.doubled, 0, ''),
    reported('push, p50 from the moment it was due', pushes.latencyMs.p50, 'ms'),
    atMost('push, p99 from the moment it was due', pushes.latencyMs.p99, PUSH_P99_MS_MAX, 'ms'),
    atMost(
      'pushes lost after logic was replaced',
      pushesAfter.lost + pushesAfter.refused + pushesAfter.unanswered,
      0,
      '',
    ),
  ];
}

function killFindings({ kill }: HeldReport): Finding[] {
  const at = (part: number): number =>
    (kill.firstServedMs[Math.ceil(kill.firstServedMs.length * part) - 1] ?? Number.NaN) / 1000;
  const first = (kill.firstServedMs[0] ?? Number.NaN) / 1000;
  return [
    reported('SIGKILL of logic: another one listens after', kill.logicBackMs / 1000, 's'),
    atMost('SIGKILL of logic: first SEND served after', first, FIRST_SEND_S_MAX, 's'),
    reported('SIGKILL of logic: half of the senders served after', at(0.5), 's'),
    atLeast('SIGKILL of logic: senders served again', kill.firstServedMs.length, kill.probes, ''),
    reported('SIGKILL of logic: the last sender served after', at(1), 's'),
    atMost('SIGKILL of logic: all registered, heads checked after', kill.confirmedMs / 1000, CONFIRMED_S_MAX, 's'),
    atMost('SIGKILL of logic: senders disconnected', kill.disconnects, 0, ''),
  ];
}
