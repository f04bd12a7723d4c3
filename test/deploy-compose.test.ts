/** deploy/compose.yaml without Docker: its commands with its variables, as processes of this machine, on a real Redis. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repositoryPath } from '../tools/generated-file.ts';
import { composeServices, envFile, roleEnvironment } from './support/deploy-environment.ts';
import { freePort, KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { type Role, type RoleProcess, startRole, stopLeftRoles } from './support/role-process.ts';
import { type Ended, sluice, until } from './support/system.ts';

const ROLES = ['logic-1', 'logic-2', 'gate-1', 'gate-2', 'api'];

describe('deploy/compose.yaml as processes of one machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-compose-'));
  const secrets = join(folder, 'secrets');
  const running = new Map<string, RoleProcess>();
  let redis: RedisTestServer;
  let keys: Record<string, string>;

  before(async () => {
    execFileSync(repositoryPath('deploy/make-secrets.sh'), [secrets]);
    keys = envFile(readFileSync(join(secrets, 'keys.env'), 'utf8'));
    const password = keys['SLUICE_REDIS_PASSWORD'] as string;
    redis = await RedisTestServer.start({ ...KEEPS_ALL, 'maxmemory-policy': 'noeviction', requirepass: password });
    const places = new Map([
      ['redis:6379', `127.0.0.1:${redis.port}`],
      ['logic-1:7500', `127.0.0.1:${await freePort()}`],
      ['logic-2:7500', `127.0.0.1:${await freePort()}`],
    ]);
    const services = composeServices(folder);
    for (const name of ROLES) {
      const service = services.get(name);
      assert.ok(service !== undefined, name);
      // Where a container has an address of its own, a process here has a port of its own.
      const here = Object.entries(roleEnvironment(service.env, secrets)).map(([key, value]) => {
        const own = value === '0.0.0.0:7500' ? `${name}:7500` : value.replace(/^0\.0\.0\.0$/, '127.0.0.1');
        return [key, [...places].reduce((text, [from, to]) => text.replace(from, to), own)];
      });
      running.set(name, await startRole(service.command as Role, {}, Object.fromEntries(here)));
    }
    for (const [name, role] of running) await until(() => role.isReady(), `${name} is ready`);
  });

  after(async () => {
    await stopLeftRoles();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function role(name: string): RoleProcess {
    return running.get(name) as RoleProcess;
  }

  /** A command of `sluice` as an operator runs it beside the containers. */
  function cli(...args: string[]): Promise<Ended> {
    return sluice([...args, '--config', join(secrets, 'sluice.toml')]);
  }

  async function gatesFor(uid: string): Promise<string[]> {
    const answer = await fetch(role('api').url(`/v1/iplist?app=demo&uid=${uid}`));
    return ((await answer.json()) as { gates?: string[] }).gates ?? [];
  }

  it('carries messages between users of both logics, from either gate to the other', async () => {
    // Enough users that both logics own some of them.
    for (const uid of ['bob', 'carol', 'dan', 'eve']) {
      const message = ['--app', 'demo', '--uid', 'alice', '--to', uid, '--text', `for ${uid}`];
      const sent = await cli('send', ...message, '--port', String(role('gate-1').gatePort));
      assert.equal(sent.code, 0, sent.stderr);
      const reading = ['--app', 'demo', '--uid', uid, '--count', '1', '--timeout', '20'];
      const read = await cli('listen', ...reading, '--port', String(role('gate-2').gatePort));
      assert.match(read.stdout, new RegExp(`for ${uid}`));
    }
  });

  it('takes pushes with the key, and none without', async () => {
    const push = ['push', '--app', 'demo', '--to', 'bob', '--text', 'pushed', '--url', role('api').url('')];
    assert.equal((await cli(...push)).code, 1);
    const pushed = await cli(...push, '--api.key', keys['SLUICE_API_KEY'] as string);
    assert.equal(pushed.code, 0, pushed.stderr);
  });

  it('tells clients both gates under their published ports, and a drained one no more', async () => {
    await until(async () => (await gatesFor('bob')).length === 2, 'both gates are listed');
    assert.deepEqual((await gatesFor('bob')).sort(), ['127.0.0.1:7400', '127.0.0.1:7401']);
    role('gate-1').signal('SIGTERM');
    assert.equal(await role('gate-1').exited, 0);
    await until(async () => (await gatesFor('bob')).join() === '127.0.0.1:7401', 'the drained gate is gone');
  });
});
