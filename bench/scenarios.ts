/** All scenarios by name. */
import type { Scenario } from './scenario.ts';
import { c2c } from './scenarios/c2c.ts';
import { compare } from './scenarios/compare.ts';
import { idle } from './scenarios/idle.ts';
import { logins } from './scenarios/logins.ts';

export const SCENARIOS: Readonly<Record<string, Scenario>> = { c2c, compare, idle, logins };

export const SCENARIO_TEXTS: Readonly<Record<string, string>> = {
  c2c: 'pairs of clients: commit, SENDACK, delivery, acknowledgement',
  compare: 'the same pairs against a bare relay, Mosquitto and Aedes',
  idle: 'logged-in, heart-beating connections: memory per connection',
  logins: 'a burst of logins, and everybody at once',
};
