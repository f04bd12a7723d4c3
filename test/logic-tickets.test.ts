import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTicket, ticketKey } from '../src/logic/authentication/ticket.ts';
import { Capability, CloseReason, type ConnectBody, CredentialType, ErrorCode } from '../src/protocol/index.ts';
import { MemoryStoreData } from '../src/store/memory/memory-store-data.ts';
import { TICKET_KEY_BYTES } from '../src/store/ticket-rules.ts';
import { fieldsOf } from './support/fake-gate.ts';
import { type LogicWorld, type LogicWorldOptions, logicWorld } from './support/logic-world.ts';
import { SeededRandom } from './support/seeded-random.ts';

const HOUR_MS = 3_600_000;

/** Logs in on a new slot; answers the ticket of the answer, or the reason of the refusal. */
function logins({ gate, run }: LogicWorld) {
  let slot = 0;
  const attempt = async (fields: Partial<ConnectBody>): Promise<string | number> => {
    gate.login(++slot, 1, fields);
    await run();
    const [answer] = gate.of(slot);
    return (answer?.['ticket'] ?? answer?.['reason']) as string | number;
  };
  const withTicket = (ticket: string | number, fields: Partial<ConnectBody> = {}) =>
    attempt({ credentialType: CredentialType.Ticket, credential: String(ticket), ...fields });
  return { attempt, withTicket };
}

async function start(options: LogicWorldOptions = {}) {
  const world = await logicWorld(options);
  return { ...world, ...logins(world) };
}

test('T8: a ticket is 256 random bits and more, has no dot, and the store gets its key only', () => {
  const random = new SeededRandom(3);
  const first = newTicket(random, undefined);
  assert.match(first.text, /^slt1_[A-Za-z0-9_-]{54}$/);
  assert.deepEqual(ticketKey(first.text), first.key);
  assert.equal(first.key.length, TICKET_KEY_BYTES);
  const second = newTicket(random, first.key);
  assert.notDeepEqual(second.key, first.key);
  assert.deepEqual(second.key.subarray(0, 8), first.key.subarray(0, 8));
  const broken = [
    '',
    'slt1_',
    first.text.slice(0, -1),
    `${first.text}A`,
    first.text.replace('slt1_', 'slt2_'),
    'a.b.c',
  ];
  for (const text of broken) assert.equal(ticketKey(text), undefined, text);
});

test('a login gets a ticket, and a ticket is as good as a token', async () => {
  const { attempt, withTicket } = await start();
  let ticket = await attempt({});
  for (let i = 0; i < 3; i++) {
    const next = await withTicket(ticket);
    assert.match(String(next), /^slt1_/);
    assert.notEqual(next, ticket);
    ticket = next;
  }
});

test('T8: a ticket whose CONNACK was lost is good once more; a third use revokes and ends the session', async () => {
  const { attempt, withTicket, gate, logic } = await start();
  const ticket = await attempt({});
  await withTicket(ticket);
  const second = await withTicket(ticket);
  gate.take();
  assert.equal(await withTicket(ticket), CloseReason.CredentialRevoked);
  const [end] = gate.events.filter((event) => event.what === 'end');
  assert.deepEqual(fieldsOf(end, 'reason', 'kick'), [CloseReason.CredentialRevoked, false]);
  assert.equal(logic.sessions.size, 0);
  assert.equal(await withTicket(second), CloseReason.CredentialRevoked);
  assert.match(String(await attempt({})), /^slt1_/);
});

test('T8: a ticket is refused for another user, device or type, when it is made up, and to send only', async () => {
  const { attempt, withTicket, store } = await start();
  const ticket = await attempt({});
  const madeUp = newTicket(new SeededRandom(99), undefined).text;
  const submitted = store.submitted.length;
  assert.equal(await withTicket('x'.repeat(43)), CloseReason.CredentialInvalid);
  assert.equal(await withTicket(ticket, { capabilities: Capability.SendOnly }), CloseReason.CredentialInvalid);
  assert.equal(store.submitted.length, submitted);
  const wrong = [{ uid: 'bob' }, { deviceId: 'd2' }, { deviceType: 'tablet' }, { app: 'other' }];
  for (const fields of wrong) assert.equal(await withTicket(ticket, fields), CloseReason.CredentialInvalid);
  assert.equal(await withTicket(madeUp), CloseReason.CredentialInvalid);
  assert.match(String(await withTicket(ticket)), /^slt1_/);
});

test('a ticket of an earlier logic is good, and too old after its lifetime', async () => {
  const data = new MemoryStoreData();
  const before = await start({ data });
  const ticket = await before.attempt({});
  const stopped = before.logic.stop();
  await before.run();
  await stopped;
  const after = await start({ data });
  assert.match(String(await after.withTicket(ticket)), /^slt1_/);
  const short = await start({ limits: { ticketLifetimeMs: HOUR_MS } });
  const old = await short.attempt({});
  short.clock.wallStartMs += HOUR_MS + 1000;
  assert.equal(await short.withTicket(old), CloseReason.CredentialExpired);
});

test('a lifetime of 0 gives no tickets, and a session that only sends gets none', async () => {
  const none = await start({ limits: { ticketLifetimeMs: 0 } });
  assert.equal(await none.attempt({}), '');
  const { attempt } = await start();
  assert.equal(await attempt({ capabilities: Capability.SendOnly }), '');
});

test('a session ends at its age with CREDENTIAL_EXPIRED, and not before', async () => {
  const { gate, run, logic } = await start({ limits: { sessionMaxAgeMs: 60_000 } });
  gate.login(1, 1, {});
  gate.login(2, 1, { uid: 'tool', capabilities: Capability.SendOnly });
  await run();
  const [accepted] = gate.of(2);
  const ageMs = Number(accepted?.['sessionExpiresAtMs']) - Number(accepted?.['loggedInAtS']) * 1000;
  assert.ok(ageMs >= 60_000 && ageMs <= 61_000, `${ageMs} ms`);
  gate.take();
  await run(59_000);
  assert.equal(logic.sessions.size, 2);
  await run(7000);
  const reasons = gate.take().map((event) => [event.what, event.slot, event['reason']]);
  assert.deepEqual(
    reasons.toSorted((a, b) => Number(a[1]) - Number(b[1])),
    [
      ['end', 1, CloseReason.CredentialExpired],
      ['end', 2, CloseReason.CredentialExpired],
    ],
  );
});

test('without an age a session stays, and is told so', async () => {
  const { gate, run, logic } = await start({ limits: { sessionMaxAgeMs: 0 } });
  gate.login(1, 1, {});
  await run();
  assert.equal(gate.of(1)[0]?.['sessionExpiresAtMs'], 0);
  await run(90_000);
  assert.equal(logic.sessions.size, 1);
});

test('S-REAUTH-1: a session goes on with a new token, also after a restart of logic', async () => {
  const data = new MemoryStoreData();
  const before = await start({ data, limits: { sessionMaxAgeMs: 60_000 } });
  before.gate.login(1, 1, {});
  await before.run(50_000);
  before.gate.take();
  before.gate.reauth(1, 1, 9, 'good');
  await before.run();
  const [answer] = before.gate.take();
  const expiresAtMs = Number(fieldsOf(answer, 'sessionExpiresAtMs')[0]);
  assert.ok(expiresAtMs >= before.clock.wallMs() + 59_000);
  await before.run(30_000);
  assert.equal(before.logic.sessions.size, 1);
  const stopped = before.logic.stop();
  await before.run();
  await stopped;
  const after = await start({ data, limits: { sessionMaxAgeMs: 60_000 } });
  after.clock.wallStartMs += before.clock.wallMs() - after.clock.wallMs();
  after.gate.register(1, 1, { generation: 1 });
  await after.run();
  assert.equal(after.logic.sessions.size, 1);
  await after.run(40_000);
  assert.deepEqual(fieldsOf(after.gate.of(1).at(-1), 'what', 'reason'), ['end', CloseReason.CredentialExpired]);
});

test('S-REAUTH-1: REAUTH with a bad, foreign or revoked credential is FORBIDDEN, and the session stays', async () => {
  const { gate, run, logic, attempt } = await start({ limits: { sessionMaxAgeMs: HOUR_MS } });
  const ticket = await attempt({});
  gate.login(2, 1, { uid: 'tool', capabilities: Capability.SendOnly });
  gate.apiKick(3, { deviceId: 'nothing', revoke: true, revokeBeforeMs: 1_600_000_000_000 });
  await run();
  gate.take();
  for (const [requestId, credential] of [
    [5, 'bad'],
    [6, String(ticket)],
  ] as const) {
    gate.reauth(1, 1, requestId, credential);
    await run();
    assert.deepEqual(fieldsOf(gate.take()[0], 'requestId', 'code'), [requestId, ErrorCode.Forbidden]);
  }
  gate.reauth(2, 1, 7, 'good');
  await run();
  assert.deepEqual(fieldsOf(gate.take()[0], 'code'), [ErrorCode.Forbidden]);
  assert.equal(logic.sessions.size, 2);
});

test('a second REAUTH while one is under way is BUSY', async () => {
  const { gate, run, attempt } = await start({ commitDelayMs: 3 });
  await attempt({});
  gate.take();
  gate.reauth(1, 1, 5, 'good');
  gate.reauth(1, 1, 6, 'good');
  await run(10);
  const answers = gate.take().map((event) => fieldsOf(event, 'requestId', 'code'));
  assert.deepEqual(answers, [
    [6, ErrorCode.Busy],
    [5, undefined],
  ]);
});

test('a step of the wall clock ends no session', async () => {
  const { gate, run, clock, logic } = await start({ limits: { sessionMaxAgeMs: HOUR_MS } });
  gate.login(1, 1, {});
  await run();
  clock.wallStartMs += 2 * HOUR_MS;
  await run(60_000);
  assert.equal(logic.sessions.size, 1);
});

test('thousands of sessions end in the same tick, a bounded number in each turn', async () => {
  const { gate, run, logic } = await start({ limits: { sessionMaxAgeMs: 60_000 } });
  const capabilities = Capability.SendOnly;
  for (let slot = 0; slot < 3000; slot++) gate.login(slot, 1, { uid: `u${slot}`, capabilities });
  await run(20_000);
  assert.equal(logic.sessions.size, 3000);
  await run(50_000);
  assert.equal(logic.sessions.size, 0);
});
