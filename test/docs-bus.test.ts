/** What docs/bus.md tells services is tried as it stands there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { AppId, Uid } from '../src/model/ids.ts';
import { partitionOf } from '../src/model/partition.ts';
import { BusOwner } from './support/bus-owner.ts';
import { until } from './support/redis-load.ts';
import { KEEPS_ALL, RedisTestServer } from './support/redis-server.ts';
import { APP } from './support/store-driver.ts';

const run = promisify(execFile);
const TEXT = readFileSync('docs/bus.md', 'utf8');

test('the partitions in the table are those of the store', () => {
  const rows = [...TEXT.matchAll(/^\| (\S+) \| (\S+) \| (\d+) \| (\d+) \|$/gm)];
  assert.ok(rows.length >= 5);
  for (const [, app, uid, of64, of1024] of rows) {
    const partitions = [64, 1024].map((count) => partitionOf(app as AppId, uid!, count));
    assert.deepEqual(partitions, [Number(of64), Number(of1024)], `${app} ${uid}`);
  }
});

test('the XADD of the document is stored; the user of the document can do that, and cannot write copies', async () => {
  const redis = await RedisTestServer.start(KEEPS_ALL);
  const owner = await BusOwner.start([redis], { store: { partitions: 64, keyPrefix: 'sluice:' } });
  const ask = async (line: string, ...login: string[]): Promise<string> => {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const { stdout } = await run('redis-cli', ['-p', String(redis.port), ...login, ...words]);
    return stdout.trim();
  };
  try {
    const acl = /^ACL SETUSER .*$/m.exec(TEXT)![0];
    const add = /^ {4}(XADD .*)$/m.exec(TEXT)![1]!;
    assert.equal(await ask(acl), 'OK');
    const login = ['--user', 'shop', '--pass', 'a-password', '--no-auth-warning'];
    assert.match(await ask(add, ...login), /^\d+-\d+$/);
    await until(() => owner.pushes.length === 1, 'it is stored');
    const page = await owner.store.readTimeline(APP, 'bob' as Uid, 0 as never, 10, 1000);
    assert.equal(String(page.messages[0]!.payload), 'Your parcel is there.');
    assert.match(await ask('GET sluice:{meta}', ...login), /"partitions":64/);
    assert.match(await ask(add.replace('bus:', 'bus-copies:'), ...login), /NOPERM/);
    assert.match(await ask('DEL sluice:{p52}f', ...login), /NOPERM/);
  } finally {
    await owner.stop();
    await redis.stop();
  }
});
