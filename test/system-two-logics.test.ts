/** Two logics that share one Redis: what a user sends to the other's users reaches the user's own devices all the same. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { numbered, Person } from './support/person.ts';
import { freePort, KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { type RoleProcess, startRole, stopLeftRoles } from './support/role-process.ts';
import { until } from './support/system.ts';

const TARGETS = Array.from({ length: 8 }, (_, i) => `target-${i}`);

after(stopLeftRoles);

async function startTwoLogics(redis: RedisTestServer) {
  const addresses = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const shared = {
    'trunk.secret': 'a trunk secret that only this test knows',
    'store.engine': 'redis',
    'redis.servers': `127.0.0.1:${redis.port}`,
    'redis.leaseMs': '1000',
  };
  const logics = await Promise.all(
    addresses.map((address) => startRole('logic', { ...shared, 'trunk.listen': address })),
  );
  const others = { ...shared, 'trunk.logics': addresses.join(',') };
  const [gate, api] = (await Promise.all([startRole('gate', others), startRole('api', others)])) as [
    RoleProcess,
    RoleProcess,
  ];
  const owned = (): Promise<number[]> =>
    Promise.all(logics.map((logic) => logic.metric('sluice_redis_partitions_owned')));
  await until(async () => (await owned()).every((count) => count > 8 && count < 56), 'both own partitions');
  for (const role of [gate, api]) await until(() => role.isReady(), 'every role is ready');
  return { logics, gate, api };
}

test("a user's other device gets every message that the user sends, whoever owns its target; pushes through streams reach all", async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  try {
    const { logics, gate, api } = await startTwoLogics(redis);
    const people = await Promise.all(
      TARGETS.map(async (uid) => {
        const person = new Person(gate.gatePort, uid);
        await person.client.connect();
        return person;
      }),
    );
    const desk = new Person(gate.gatePort, 'alice');
    const phone = new Person(gate.gatePort, 'alice', { deviceType: 'phone', deviceId: 'phone-alice' });
    await Promise.all([desk.client.connect(), phone.client.connect()]);
    const texts = numbered(10);
    for (const text of texts) {
      await Promise.all(TARGETS.map((to) => desk.client.send({ to, text: `${to}: ${text}` })));
    }
    const all = TARGETS.length * texts.length;
    await until(() => phone.texts.length === all, 'the other device has all of them');
    for (const [place, person] of people.entries()) {
      const to = TARGETS[place]!;
      const sent = texts.map((text) => `${to}: ${text}`);
      await until(() => person.texts.length === texts.length, `${to} has all`);
      assert.deepEqual(person.texts, sent);
      assert.deepEqual(
        phone.texts.filter((text) => text.startsWith(`${to}:`)),
        sent,
      );
    }
    assert.deepEqual(desk.texts, []);
    const sumOf = async (name: string): Promise<number> =>
      (await Promise.all(logics.map((logic) => logic.metric(name)))).reduce((sum, count) => sum + count, 0);
    const made = await sumOf('sluice_bus_copies_made_total');
    assert.ok(made > 0 && made < all);
    assert.equal(await sumOf('sluice_bus_copies_sent_total'), made);
    const messages = TARGETS.map((to) => ({ app: 'demo', to, text: 'pushed', id: 'push-1' }));
    const answer = await fetch(api.url('/v1/push'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages, async: true }),
    });
    assert.equal(answer.status, 202);
    for (const person of people) await until(() => person.texts.at(-1) === 'pushed', 'the push arrives');
    await Promise.all([desk, phone, ...people].map((person) => person.close()));
  } finally {
    await stopLeftRoles();
    await redis.stop();
  }
});
