/** Roles as systems of their own, linked over TCP. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from './support/redis-server.ts';
import { type RoleProcess, startRole, stopLeftRoles } from './support/role-process.ts';
import { sluice, until } from './support/system.ts';
import { makeTestCertificate } from './support/test-certificate.ts';

const SECRET = 'a trunk secret that only this test knows';

after(stopLeftRoles);

function send(gate: RoleProcess, text: string): ReturnType<typeof sluice> {
  return sluice(['send', '--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', text, ...where(gate)]);
}

function where(gate: RoleProcess): string[] {
  return ['--port', String(gate.gatePort)];
}

describe('two gates, logic and api, each started by itself', () => {
  let logic: RoleProcess;
  let gates: RoleProcess[];
  let api: RoleProcess;
  let trunk: Record<string, string>;

  before(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    trunk = { 'trunk.secret': SECRET, 'trunk.logics': address };
    logic = await startRole('logic', { 'trunk.secret': SECRET, 'trunk.listen': address });
    [api, ...gates] = (await Promise.all([
      startRole('api', trunk),
      startRole('gate', { ...trunk, 'gate.workers': '2' }),
      startRole('gate', trunk),
    ])) as [RoleProcess, RoleProcess, RoleProcess];
    for (const role of [logic, api, ...gates]) await until(() => role.isReady(), 'every role is ready');
  });

  it('carry messages from one gate to the other, and from the api', async () => {
    const [first, second] = gates as [RoleProcess, RoleProcess];
    const sent = await send(first, 'over TCP');
    assert.equal(sent.code, 0, sent.stderr);
    const pushed = await sluice(['push', '--app', 'demo', '--to', 'bob', '--text', 'pushed', '--url', api.url('')]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const listened = await sluice(['listen', '--app', 'demo', '--uid', 'bob', '--count', '2', ...where(second)]);
    assert.equal(listened.code, 0, listened.stderr);
    assert.match(listened.stdout, /over TCP[\s\S]*pushed/);
  });

  it('answer health and the metrics of all their processes', async () => {
    const [first] = gates as [RoleProcess];
    for (const role of [logic, api, first]) {
      assert.equal((await fetch(role.url('/healthz'))).status, 200);
    }
    const ofGate = await (await fetch(first.url('/metrics'))).text();
    assert.match(ofGate, /^sluice_gate_logic_up 2$/m);
    assert.match(ofGate, /role="admin"/);
    assert.doesNotMatch(ofGate, /^sluice_logic_sessions/m);
    assert.match(await (await fetch(logic.url('/metrics'))).text(), /^sluice_logic_links 4$/m);
  });

  it('T19: a gate with another secret gets no link, is not ready, and both sides say why', async () => {
    const gate = await startRole('gate', { ...trunk, 'trunk.secret': `${SECRET}, almost` });
    await until(() => /"reason":"secret"/.test(gate.logs) && /"reason":"secret"/.test(logic.logs), 'both sides log it');
    const answer = await fetch(gate.url('/readyz'));
    assert.equal(answer.status, 503);
    assert.deepEqual(((await answer.json()) as { reasons: string[] }).reasons, ['no gate has a link to logic']);
    assert.match(
      await (await fetch(logic.url('/metrics'))).text(),
      /^sluice_trunk_handshake_failures_total\{reason="secret"\} [1-9]/m,
    );
    assert.ok(!(gate.logs + logic.logs).includes(SECRET));
    assert.equal(await gate.stop(), 0);
  });

  it('a gate that is told to drain ends with 0, and the command waits for it; the other goes on', async () => {
    const [first, second] = gates as [RoleProcess, RoleProcess];
    const drained = await sluice(['drain', 'gate', '--url', first.url('')]);
    assert.equal(drained.code, 0, drained.stderr);
    assert.equal(drained.stdout, 'drained\n');
    assert.equal(await first.exited, 0);
    const again = await sluice(['drain', 'gate', '--url', first.url('')]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /ECONNREFUSED/);
    assert.equal((await send(second, 'still here')).code, 0);
    await first.stop();
  });

  it('gates keep their connections while logic is away, and are ready again when it is back', async () => {
    const [, gate] = gates as [RoleProcess, RoleProcess];
    assert.equal(await logic.stop(), 0);
    await until(async () => !(await gate.isReady()), 'the gate is not ready');
    const listening = sluice(['listen', '--app', 'demo', '--uid', 'carol', '--count', '1', ...where(gate)]);
    logic = await startRole('logic', { 'trunk.secret': SECRET, 'trunk.listen': trunk['trunk.logics'] as string });
    await until(() => gate.isReady(), 'the gate is ready again');
    const args = ['--app', 'demo', '--uid', 'dan', '--to', 'carol', '--text', 'back', ...where(gate)];
    assert.equal((await sluice(['send', ...args])).code, 0);
    assert.match((await listening).stdout, /back/);
  });
});

it('T23: with certificates, gates and logic speak TLS', async () => {
  const { cert, key } = makeTestCertificate();
  const address = `127.0.0.1:${await freePort()}`;
  const scratch = await startRole('api');
  const file = (name: string, text: string): string => {
    const path = join(scratch.folder, name);
    writeFileSync(path, text);
    return path;
  };
  const tls = { 'trunk.tlsCert': file('cert.pem', cert), 'trunk.tlsKey': file('key.pem', key) };
  const logic = await startRole('logic', { 'trunk.secret': SECRET, 'trunk.listen': address, ...tls });
  const keys = { 'trunk.secret': SECRET, 'trunk.logics': address };
  const plain = await startRole('gate', { ...keys, 'trunk.handshakeTimeoutMs': '500' });
  const gate = await startRole('gate', { ...keys, 'trunk.tlsCa': tls['trunk.tlsCert'] });
  await until(() => gate.isReady(), 'the gate is linked');
  assert.equal((await send(gate, 'sealed')).code, 0);
  assert.equal(await plain.isReady(), false);
  for (const role of [plain, gate, logic, scratch]) assert.equal(await role.stop(), 0);
});

it('roles on one machine meet at its socket, in one folder', async () => {
  const logic = await startRole('logic');
  const same = { 'data.directory': logic.folder };
  const gate = await startRole('gate', same);
  const api = await startRole('api', same);
  for (const role of [gate, api]) await until(() => role.isReady(), 'the role is linked');
  assert.equal((await send(gate, 'hi')).code, 0);
  const again = await sluice(['gate', '--data.directory', logic.folder, '--gate.port', '0', '--admin.gatePort', '0']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /another sluice gate \(process \d+\) runs/);
  for (const role of [api, gate, logic]) assert.equal(await role.stop(), 0);
});
