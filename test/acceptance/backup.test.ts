/** Backup, restore and fsck with real processes and the real command line. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { SluiceClient, systemPlatform } from '../../src/client/index.ts';
import { SystemClock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import { type System, sluice, startSystem, stopLeftSystems, until } from '../support/system.ts';

/** Fewer than a client remembers when a timeline begins anew. */
const MESSAGES_MAX = 3000;
const IN_FLIGHT = 8;
const platform = systemPlatform();
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-backup-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

afterEach(stopLeftSystems);

function clientOf(system: System, uid: string, deviceId: string): SluiceClient {
  const token = (): Promise<string> =>
    mintToken({
      app: DEVELOPMENT_APP_ID,
      uid,
      secret: DEVELOPMENT_SECRET,
      issuedAtMs: new SystemClock().wallMs(),
      lifetimeMs: 3_600_000,
    });
  const port = system.gatePort;
  // A device type each, so that the devices of a user stay beside each other.
  return new SluiceClient({
    host: '127.0.0.1',
    port,
    app: DEVELOPMENT_APP_ID,
    uid,
    deviceType: deviceId,
    deviceId,
    token,
    platform,
  });
}

/** Sends numbered messages to bob as fast as they are acknowledged, until it is told to stop. */
class Sender {
  readonly client: SluiceClient;
  readonly acknowledged: string[] = [];
  #sent = 0;
  #stopped = false;

  constructor(system: System) {
    this.client = clientOf(system, 'alice', 'laptop');
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#loop()));
  }

  async #loop(): Promise<void> {
    while (!this.#stopped && this.#sent < MESSAGES_MAX) await this.send();
  }

  async send(): Promise<void> {
    const text = `message ${++this.#sent}`;
    await this.client.send({ to: 'bob', text });
    this.acknowledged.push(text);
  }

  stop(): void {
    this.#stopped = true;
  }
}

interface Reader {
  readonly client: SluiceClient;
  readonly texts: string[];
  readonly epochs: number[];
  readonly resyncs: number[];
}

async function read(system: System, deviceId: string): Promise<Reader> {
  const client = clientOf(system, 'bob', deviceId);
  const reader: Reader = { client, texts: [], epochs: [], resyncs: [] };
  client.onMessage(async ({ text, epoch }) => {
    reader.texts.push(text);
    reader.epochs.push(epoch);
  });
  client.on('resync', ({ epoch }) => reader.resyncs.push(epoch));
  await client.connect();
  return reader;
}

const inOrder = (texts: readonly string[]): string[] =>
  texts.toSorted((one, other) => Number(one.split(' ')[1]) - Number(other.split(' ')[1]));

test('a backup under load, restored and started: what was acknowledged before it is there, nobody gets anything twice', async () => {
  const first = await startSystem({ workers: 1 });
  const bob = await read(first, 'phone');
  const sender = new Sender(first);
  await sender.client.connect();
  const sending = sender.run();
  await until(() => sender.acknowledged.length >= 200, 'messages are acknowledged');
  const before = [...sender.acknowledged];
  const backup = join(folder, 'backup');
  const made = await sluice(['backup', backup, '--json', '--data.directory', first.folder]);
  assert.equal(made.code, 0, made.stderr);
  assert.ok((JSON.parse(made.stdout) as { bytes: number }).bytes > 0);
  const during = sender.acknowledged.length;
  await until(() => sender.acknowledged.length >= during + 20, 'sending goes on');
  sender.stop();
  await sending;
  await until(() => bob.texts.length === sender.acknowledged.length, 'bob has everything');
  const { gatePort } = first;
  await first.stop();

  const data = join(folder, 'restored');
  const restored = await sluice(['restore', backup, '--json', '--data.directory', data]);
  assert.equal(restored.code, 0, restored.stderr);
  const second = await startSystem({ dataDirectory: data, workers: 1, config: { 'gate.port': String(gatePort) } });
  await until(() => bob.resyncs.length > 0, 'bob is told RESYNC');
  for (let i = 0; i < 10; i++) await sender.send();
  const fresh = await read(second, 'tablet');
  await until(() => bob.texts.length === sender.acknowledged.length, 'bob has everything, the new ones included');
  await until(() => fresh.texts.includes(sender.acknowledged.at(-1)!), 'a new device reads to the end');

  assert.deepEqual(inOrder(bob.texts), inOrder(sender.acknowledged), 'everything once, for a client that was there');
  assert.equal(new Set(fresh.texts).size, fresh.texts.length);
  const missing = before.filter((text) => !fresh.texts.includes(text));
  assert.deepEqual(missing, []);
  assert.ok(Math.min(...fresh.epochs) > (bob.epochs[0] ?? 0), 'the epochs are new');
  assert.equal(fresh.epochs[0], bob.resyncs.at(-1));
  await Promise.all([bob.client.close(), fresh.client.close(), sender.client.close()]);
});

/** A store with a few hundred messages that nobody has open. */
async function storeOnDisk(name: string): Promise<string> {
  const system = await startSystem({ workers: 1 });
  const sender = new Sender(system);
  await sender.client.connect();
  for (let i = 0; i < 200; i++) await sender.send();
  await sender.client.close();
  const backup = join(folder, `${name}-backup`);
  assert.equal((await sluice(['backup', backup, '--data.directory', system.folder])).code, 0);
  await system.stop();
  const data = join(folder, name);
  assert.equal((await sluice(['restore', backup, '--data.directory', data])).code, 0);
  return data;
}

/** Flips a bit in the middle of the log; answers where. */
function flip(data: string): { path: string; byte: number } {
  const [segment] = readdirSync(join(data, 'store', 'log'));
  const path = join('log', String(segment));
  const file = join(data, 'store', path);
  const bytes = readFileSync(file);
  const byte = bytes.length >> 1;
  bytes[byte]! ^= 1;
  writeFileSync(file, bytes);
  return { path, byte };
}

test('G11: a store with a flipped bit refuses to start and names fsck, which says where it is and can cut it', async () => {
  const data = await storeOnDisk('flipped');
  const at = ['--data.directory', data];
  assert.equal((await sluice(['fsck', ...at])).code, 0);
  const { path, byte } = flip(data);
  const started = await sluice(['start', ...at, '--gate.port', '0', '--api.port', '0']);
  assert.equal(started.code, 1);
  assert.match(started.stderr, /sluice: .*log\/.*byte \d+: .*Run `sluice fsck`/);
  assert.equal(existsSync(join(data, 'run', 'primary.pid')), false);

  const checked = await sluice(['fsck', '--json', ...at]);
  const report = JSON.parse(checked.stdout) as {
    verdict: string;
    findings: { path: string; byte: number }[];
    kept: { messages: number };
    beyond: { messages: number };
  };
  assert.deepEqual([checked.code, report.verdict, report.findings[0]?.path], [1, 'damaged', path]);
  const found = report.findings[0]?.byte ?? 0;
  assert.ok(found <= byte && byte - found < 4096, `found at ${found}, flipped at ${byte}`);
  assert.ok(report.kept.messages > 50 && report.beyond.messages > 50);

  const repaired = await sluice(['fsck', '--repair', ...at]);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.match(repaired.stdout, /repaired: .*repair-1/);
  const system = await startSystem({ dataDirectory: data, workers: 1 });
  const bob = await read(system, 'phone');
  await until(() => bob.texts.length === report.kept.messages, 'bob reads what is consistent');
  await bob.client.close();
});

test('while a system runs, fsck and restore refuse; a backup goes nowhere but into an empty directory', async () => {
  const system = await startSystem({ workers: 1 });
  const at = ['--data.directory', system.folder];
  for (const args of [['fsck'], ['fsck', '--repair'], ['restore', system.folder]]) {
    const { code, stderr } = await sluice([...args, ...at]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^sluice: a system \\(process ${system.pids['primary']}\\) runs on .*: stop it first\n$`),
    );
  }
  const refused = await sluice(['backup', system.folder, ...at]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^sluice: .* is not empty; no backup was made\n$/);
});
