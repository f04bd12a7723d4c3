/** All scenarios by name. */
import type { Scenario } from './scenario.ts';
import { accept } from './scenarios/accept.ts';
import { c2c } from './scenarios/c2c.ts';
import { ci } from './scenarios/ci.ts';
import { compare } from './scenarios/compare.ts';
import { features } from './scenarios/features.ts';
import { fill } from './scenarios/fill.ts';
import { hold } from './scenarios/hold.ts';
import { idle } from './scenarios/idle.ts';
import { logins } from './scenarios/logins.ts';
import { max } from './scenarios/max.ts';
import { multicast } from './scenarios/multicast.ts';
import { push } from './scenarios/push.ts';
import { slow } from './scenarios/slow.ts';
import { soak } from './scenarios/soak.ts';
import { storm } from './scenarios/storm.ts';
import { sync } from './scenarios/sync.ts';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  accept,
  c2c,
  ci,
  compare,
  features,
  fill,
  hold,
  idle,
  logins,
  max,
  multicast,
  push,
  slow,
  soak,
  storm,
  sync,
};

export const SCENARIO_TEXTS: Readonly<Record<string, string>> = {
  accept: 'connections accepted by a gate worker that is busy with 100,000 frames a second',
  c2c: 'pairs of clients: commit, SENDACK, delivery, acknowledgement',
  ci: 'under 90 s: counts per delivery and ratios, no times',
  compare: 'the same pairs against a bare relay, Mosquitto and Aedes',
  features: 'c2c with one feature set otherwise at a time: what each costs',
  fill: 'gate workers filled to 96 % of their places, then one of them dies',
  hold: 'a machine full of connections: pushes, the death of logic, memory',
  idle: 'logged-in, heart-beating connections: memory per connection',
  logins: 'a burst of logins, and everybody at once',
  max: 'the highest rate that keeps the latency objective, and the latency at half of it, idle users behind',
  multicast: 'one message to many sessions, against the fan-out of the peers (no store)',
  push: 'a business service pushes to users over HTTP',
  report: 'puts results (JSON files) on one page: --html FILE',
  slow: 'clients that do not read, beside others that must not notice',
  soak: 'half an hour at a steady rate: memory must not grow',
  storm: 'all connections break at once and return',
  sync: 'users come back to a backlog and pull it',
};
