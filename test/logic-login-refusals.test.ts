/** Logic asks the login limits: before it looks at a credential, after a bad one, and when a session ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CredentialVerifier } from '../src/logic/authentication/credential.ts';
import { newTicket } from '../src/logic/authentication/ticket.ts';
import { CloseReason, CredentialType } from '../src/protocol/index.ts';
import { type LogicWorld, logicWorld } from './support/logic-world.ts';
import { SeededRandom } from './support/seeded-random.ts';

/** Of the internet profile. */
const INTERNET = {
  userLoginFailuresMax: 10,
  addressLoginFailuresMax: 20,
  loginFailureDelayMs: 1000,
  userLoginsPerMinuteMax: 15,
};
const STRANGER = '203.0.113.1';

/** Refuses all but "good", and counts how often it was asked. */
class CountingVerifier implements CredentialVerifier {
  calls = 0;

  async verify({ credential }: { readonly credential: string }): ReturnType<CredentialVerifier['verify']> {
    this.calls++;
    return credential === 'good' ? { issuedAtMs: 1 } : CloseReason.CredentialInvalid;
  }
}

async function fail(world: LogicWorld, logins: number, uid: (login: number) => string): Promise<void> {
  for (let login = 0; login < logins; login++) {
    world.gate.login(login, 1, { uid: uid(login), credential: 'bad' }, STRANGER);
    await world.run(1100);
  }
  assert.deepEqual(
    world.gate.take().map((event) => event['reason']),
    Array.from({ length: logins }, () => CloseReason.CredentialInvalid),
  );
}

test('T7: the 21st attempt from an address is refused before its credential is looked at', async () => {
  const verifier = new CountingVerifier();
  const world = await logicWorld({ verifier, loginLimits: INTERNET });
  const { gate, run } = world;
  await fail(world, 20, (login) => `user${login}`);
  gate.login(50, 1, { uid: 'carol' }, STRANGER);
  await run();
  const [refused] = gate.take();
  assert.equal(refused?.['reason'], CloseReason.RateLimited);
  assert.ok((refused['retryAfterMs'] as number) > 890_000 && (refused['retryAfterMs'] as number) <= 900_000);
  assert.equal(verifier.calls, 20);
  gate.login(51, 1, { uid: 'carol' }, '198.51.100.1');
  await run(900_000);
  gate.login(52, 1, { uid: 'dave' }, STRANGER);
  await run();
  assert.deepEqual(
    gate.take().map((event) => event.what),
    ['accepted', 'accepted'],
  );
});

test('T7: the 11th attempt on a user from an address is refused, the user elsewhere is not', async () => {
  const verifier = new CountingVerifier();
  const world = await logicWorld({ verifier, loginLimits: INTERNET });
  const { gate, run, logic } = world;
  await fail(world, 10, () => 'alice');
  gate.login(50, 1, {}, STRANGER);
  gate.login(51, 1, {}, '198.51.100.1');
  await run();
  assert.deepEqual([gate.of(50)[0]?.['reason'], gate.of(51)[0]?.what], [CloseReason.RateLimited, 'accepted']);
  assert.equal(verifier.calls, 11);
  assert.deepEqual([logic.counters.loginFailures, logic.counters.loginsRefused[CloseReason.RateLimited]], [10, 1]);
});

test('T7: attempts that wait for their turn are refused too once the limit is reached', async () => {
  const verifier = new CountingVerifier();
  const { gate, run } = await logicWorld({ verifier, loginLimits: INTERNET, limits: { loginConcurrency: 1 } });
  for (let slot = 0; slot < 30; slot++) gate.login(slot, 1, { uid: `u${slot}`, credential: 'bad' }, STRANGER);
  await run(1100);
  assert.equal(verifier.calls, 20);
  assert.equal(gate.take().filter((event) => event['reason'] === CloseReason.RateLimited).length, 10);
});

test('T7: tickets that nobody knows count for the user', async () => {
  const { gate, run } = await logicWorld({ loginLimits: INTERNET });
  for (let slot = 0; slot < 11; slot++) {
    const credential = newTicket(new SeededRandom(slot), undefined).text;
    gate.login(slot, 1, { credentialType: CredentialType.Ticket, credential }, STRANGER);
    await run(1100);
  }
  const reasons = gate.take().map((event) => event['reason']);
  assert.deepEqual(new Set(reasons.slice(0, 10)), new Set([CloseReason.CredentialInvalid]));
  assert.equal(reasons[10], CloseReason.RateLimited);
});

test('T7: the answer to a bad credential is held back, the place in the queue is not', async () => {
  const { gate, run, logic } = await logicWorld({ loginLimits: INTERNET, limits: { loginConcurrency: 1 } });
  gate.login(0, 1, { credential: 'bad' });
  gate.login(1, 1, { uid: 'bob' });
  await run(900);
  assert.deepEqual(
    gate.take().map((event) => [event.slot, event.what]),
    [[1, 'accepted']],
  );
  gate.login(2, 1, { credential: 'bad' });
  gate.login(3, 1, { credential: 'bad' });
  gate.closed(3, 1);
  await run(150);
  assert.deepEqual(
    gate.take().map((event) => [event.slot, event['reason']]),
    [[0, CloseReason.CredentialInvalid]],
  );
  await run(900);
  assert.deepEqual(
    gate.take().map((event) => event.slot),
    [2],
  );
  gate.login(4, 1, { credential: 'bad' });
  await run();
  await logic.stop();
  await run();
  assert.equal(gate.take()[0]?.['reason'], CloseReason.CredentialInvalid);
});

async function flap(world: LogicWorld, times: number, reason: CloseReason): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    world.gate.login(turn, 1, {});
    await world.run();
    world.gate.closed(turn, 1, 0, 0, reason);
    await world.run();
  }
  assert.equal(world.gate.take().filter((event) => event.what === 'accepted').length, times);
}

test('T10: after 15 broken connections within a minute the 16th login is refused with a time to wait', async () => {
  const world = await logicWorld({ loginLimits: INTERNET });
  const { gate, run, logic } = world;
  await flap(world, 15, CloseReason.PeerClosed);
  gate.login(50, 1, {});
  gate.login(51, 1, { uid: 'bob' });
  await run();
  const [refused] = gate.of(50);
  assert.equal(refused?.['reason'], CloseReason.RateLimited);
  assert.ok((refused['retryAfterMs'] as number) > 299_000 && (refused['retryAfterMs'] as number) <= 300_000);
  assert.equal(gate.of(51)[0]?.what, 'accepted');
  assert.equal(logic.counters.abnormalEnds, 15);
  await run(300_000);
  gate.login(52, 1, {});
  await run();
  assert.equal(gate.of(52)[0]?.what, 'accepted');
});

test('T10: two devices that throw each other out in a loop are stopped', async () => {
  const { gate, run } = await logicWorld({ loginLimits: INTERNET });
  let accepted = 0;
  for (let turn = 0; turn < 40; turn++) {
    gate.login(turn, 1, { deviceId: `d${turn % 2}` });
    await run();
    if (gate.of(turn)[0]?.what === 'accepted') accepted++;
    for (const end of gate.take()) if (end.what === 'end') gate.closed(end.slot, 1, 0, 0, CloseReason.Replaced);
    await run();
  }
  assert.equal(accepted, 16);
});

test('T10: neither DISCONNECT nor the death of a gate counts', async () => {
  const world = await logicWorld({ loginLimits: INTERNET });
  await flap(world, 30, CloseReason.Normal);
  for (let turn = 0; turn < 30; turn++) {
    const gate = await world.dial(`gate ${turn + 2}`);
    gate.login(0, 1, {});
    await world.run();
    assert.equal(gate.take()[0]?.what, 'accepted');
    gate.dialer.stop();
    await world.run();
  }
});

test('the trusted profile lifts the limits of logins', async () => {
  const world = await logicWorld();
  const { gate, run } = world;
  for (let slot = 0; slot < 100; slot++) gate.login(slot, 1, { credential: 'bad' }, STRANGER);
  await run();
  assert.equal(gate.take().filter((event) => event['reason'] === CloseReason.CredentialInvalid).length, 100);
  await flap(world, 50, CloseReason.PeerClosed);
  gate.login(200, 1, {}, STRANGER);
  await run();
  assert.equal(gate.take()[0]?.what, 'accepted');
});
