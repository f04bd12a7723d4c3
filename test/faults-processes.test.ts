/** The crash matrix, one row at a time: real processes, real signals, clients that count what they lose. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { SystemClock } from '../src/clock/clock.ts';
import { runsUnderTitle } from '../src/cluster/process-probe.ts';
import { ChaosProxy } from '../tools/chaos/chaos-proxy.ts';
import { connectionsOf } from '../tools/torture/socket-owners.ts';
import { numbered, Person } from './support/person.ts';
import { type System, startSystem, stopLeftSystems, until } from './support/system.ts';

const LOGIC_GONE_MS_MAX = 1500;
const GHOST_MS_MAX = 2000;
const FROZEN_MS_MAX = 8000;
const clock = new SystemClock();

async function push(system: System, to: string, text: string): Promise<number> {
  const body = JSON.stringify({ app: 'demo', to, text, id: `${to} ${text}` });
  const headers = { 'content-type': 'application/json' };
  return (await fetch(system.url('/v1/push'), { method: 'POST', headers, body })).status;
}

/** Pushes until it is stored: logic may be away. */
async function pushAll(system: System, people: readonly Person[], text: string): Promise<void> {
  for (const [index] of people.entries()) {
    await until(async () => (await push(system, `user${index + 1}`, text)) === 200, 'the push is stored');
  }
  await until(() => people.every((person) => person.texts.includes(text)), `everybody gets “${text}”`);
}

async function metric(system: System, name: string): Promise<number> {
  const text = await (await fetch(system.url('/metrics'))).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'gm'))].map(([, value]) =>
    Number(value),
  );
  return values.reduce((sum, value) => sum + value, 0);
}

async function sessionsOf(system: System, uid: string): Promise<number> {
  const response = await fetch(system.url(`/v1/sessions?app=demo&uid=${uid}`));
  return ((await response.json()) as { sessions: unknown[] }).sessions.length;
}

function runs(pid: number): boolean {
  return runsUnderTitle(pid, 'sluice: ');
}

async function closeAll(system: System, people: readonly Person[]): Promise<void> {
  await Promise.all(people.map((person) => person.close()));
  assert.equal(await system.stop(), 0);
}

afterEach(stopLeftSystems);

test('logic SIGKILL: no connection drops, and the next logic knows every session without a login', async () => {
  const system = await startSystem({ workers: 2 });
  const people = await Person.arriveAll(system, 'user', 10);
  await system.replaced('logic-1', system.kill('logic-1', 'SIGKILL'));
  await pushAll(system, people, 'after');
  assert.equal(await metric(system, 'sluice_logic_sessions'), people.length);
  assert.equal(await metric(system, 'sluice_logic_logins_accepted_total'), 0);
  assert.deepEqual(new Set(people.map(({ logins, ends }) => `${logins} ${ends.length}`)), new Set(['1 0']));
  await closeAll(system, people);
});

test('gate SIGKILL: only its own connections drop, and their sessions are gone within 2 s', async () => {
  const system = await startSystem({ workers: 2 });
  const people = await Person.arriveAll(system, 'user', 10);
  const own = connectionsOf(system.pids['gate-1'] as number, system.gatePort);
  assert.ok(own > 0 && own < people.length, `${own} connections`);
  // Whoever is dropped stays away, so that a session that is left is a ghost.
  for (const { client } of people) client.on('disconnected', () => void client.close());
  system.kill('gate-1', 'SIGKILL');
  const startMs = clock.monotonicMs();
  await until(() => people.filter(({ ends }) => ends.length > 0).length >= own, 'its clients are dropped');
  const gone = people
    .map((person, index) => (person.ends.length > 0 ? `user${index + 1}` : ''))
    .filter((uid) => uid !== '');
  assert.equal(gone.length, own);
  for (const uid of gone) await until(async () => (await sessionsOf(system, uid)) === 0, `${uid} is no ghost`);
  assert.ok(clock.monotonicMs() - startMs < GHOST_MS_MAX, `${clock.monotonicMs() - startMs} ms`);
  await closeAll(system, people);
});

test('gate SIGSTOP: killed after 5 s and replaced, while the clients of the other gate are served', async () => {
  const system = await startSystem({ workers: 2 });
  const people = await Person.arriveAll(system, 'user', 10);
  const own = connectionsOf(system.pids['gate-2'] as number, system.gatePort);
  const frozen = system.kill('gate-2', 'SIGSTOP');
  const startMs = clock.monotonicMs();
  for (const [index] of people.entries()) assert.equal(await push(system, `user${index + 1}`, 'during'), 200);
  const served = (): number => people.filter(({ texts }) => texts.includes('during')).length;
  await until(() => served() >= people.length - own, 'the others get it');
  assert.ok(runs(frozen), 'while the gate is frozen');
  await until(() => !runs(frozen), 'the frozen gate is killed');
  assert.ok(clock.monotonicMs() - startMs < FROZEN_MS_MAX, `${clock.monotonicMs() - startMs} ms`);
  await until(() => served() === people.length, 'everybody gets it');
  assert.equal(people.filter(({ ends }) => ends.length > 0).length, own);
  await closeAll(system, people);
});

test('#21 primary SIGKILL: gates and connections stay, logic ends within 1 s, the next primary drains the old gates', async () => {
  const system = await startSystem({ workers: 2 });
  const people = await Person.arriveAll(system, 'user', 6);
  const old = system.pids;
  system.kill('primary', 'SIGKILL');
  const startMs = clock.monotonicMs();
  await until(() => !runs(old['logic-1'] as number), 'logic ends');
  assert.ok(clock.monotonicMs() - startMs < LOGIC_GONE_MS_MAX, `${clock.monotonicMs() - startMs} ms`);
  await system.exited;
  assert.ok(runs(old['gate-1'] as number) && runs(old['gate-2'] as number));
  assert.deepEqual(
    people.flatMap(({ ends }) => ends),
    [],
  );
  const config = { 'gate.port': String(system.gatePort), 'api.port': String(system.httpPort) };
  const next = await startSystem({ workers: 2, config, dataDirectory: system.folder });
  await pushAll(next, people, 'hello again');
  for (const gate of ['gate-1', 'gate-2']) await until(() => !runs(old[gate] as number), `the old ${gate} drains`);
  await until(() => people.every(({ client }) => client.state === 'online'), 'everybody is back');
  await pushAll(next, people, 'on the new gates');
  await closeAll(next, people);
});

test('#21 a primary never starts a second logic on a locked store', async () => {
  const system = await startSystem();
  const old = system.pids;
  const logic = old['logic-1'] as number;
  // A logic that cannot end: it holds the store.
  process.kill(logic, 'SIGSTOP');
  system.kill('primary', 'SIGKILL');
  await system.exited;
  const config = { 'gate.port': String(system.gatePort), 'api.port': String(system.httpPort) };
  const again = { config, dataDirectory: system.folder };
  await assert.rejects(startSystem(again), /in use|locked|another/i);
  assert.ok(runs(logic));
  process.kill(logic, 'SIGCONT');
  await until(() => !runs(logic), 'the old logic ends');
  const next = await startSystem(again);
  assert.equal(await next.stop(), 0);
});

test('#21 a crash-looping gate is started again after growing waits, and stops nobody else', async () => {
  const system = await startSystem({ workers: 2 });
  const people = await Person.arriveAll(system, 'user', 6);
  const { 'gate-1': _gate, ...others } = system.pids;
  const waitsMs: number[] = [];
  for (let crash = 0; crash < 3; crash += 1) {
    const startMs = clock.monotonicMs();
    await system.replaced('gate-1', system.kill('gate-1', 'SIGKILL'));
    waitsMs.push(clock.monotonicMs() - startMs);
  }
  assert.ok((waitsMs[2] as number) > 2000 && (waitsMs[1] as number) > 1000, `${waitsMs} ms`);
  const { 'gate-1': _next, ...present } = system.pids;
  assert.deepEqual(present, others);
  await pushAll(system, people, 'all here');
  await closeAll(system, people);
});

test('#16 a message to a black-holed receiver is delivered after its gate was killed and it came back', async () => {
  const system = await startSystem();
  const proxy = await ChaosProxy.start({ clock, targetPort: system.gatePort, maxMs: 60_000 });
  const bob = new Person(proxy.port, 'bob');
  await bob.client.connect();
  const alice = await Person.arrive(system, 'alice');
  proxy.setFaults({ blackHole: 'both' });
  const texts = numbered(5);
  await Promise.all(texts.map((text) => alice.client.send({ to: 'bob', text })));
  await system.replaced('gate-1', system.kill('gate-1', 'SIGKILL'));
  assert.deepEqual(bob.texts, []);
  proxy.setFaults({ blackHole: 'none' });
  proxy.resetAll();
  await until(() => bob.texts.length >= texts.length, 'bob has everything');
  assert.deepEqual(bob.texts, texts);
  await proxy.stop();
  await closeAll(system, [alice, bob]);
});
