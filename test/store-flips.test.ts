/** Corruption is detected, never served (G11; nats-server#7549: a bit flip loses the middle of the log). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durability } from '../src/model/durability.ts';
import { StoreOpenError } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { append, login, type StoreDriver, textOf } from './support/store-driver.ts';

const FLIPS = 500;
const USERS = ['u0', 'u1', 'u2', 'u3'];
const SETTINGS = { segmentBytesMax: 128 * 1024 };

async function filledStore(closes: boolean): Promise<{ files: Map<string, Buffer>; texts: Map<string, string[]> }> {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk, SETTINGS).open();
  for (let commit = 0; commit < 60; commit++) {
    const sends = Array.from({ length: 40 }, (_, i) =>
      append({
        to: USERS[(commit + i) % 4]!,
        id: `c${commit}-${i}`,
        text: `message ${commit}-${i} ${'.'.repeat(i * 3)}`,
      }),
    );
    await driver.run(...sends, login({ device: `d${commit}` }));
  }
  const texts = new Map<string, string[]>();
  for (const user of USERS) texts.set(user, (await driver.timeline(user)).map(textOf));
  const running = disk.files();
  await driver.close();
  return { files: closes ? disk.files() : running, texts };
}

/** Opens and reads everything. Answers undefined for a refusal, otherwise the rows of each user. */
async function readAll(files: Map<string, Buffer>): Promise<Map<string, string[]> | undefined> {
  const driver: StoreDriver = embeddedDriver(FaultDisk.fromFiles(files), SETTINGS);
  try {
    await driver.open();
  } catch (error) {
    assert.ok(error instanceof StoreOpenError, String(error));
    assert.match(error.message, /store\.meta|log\//);
    return undefined;
  }
  const rows = new Map<string, string[]>();
  for (const user of USERS) {
    const messages = await driver.timeline(user);
    assert.deepEqual(
      messages.map((m) => m.seq),
      messages.map((_, i) => i + 1),
    );
    rows.set(user, messages.map(textOf));
  }
  await driver.close();
  return rows;
}

function flip(files: Map<string, Buffer>, random: SeededRandom): Map<string, Buffer> {
  const total = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  let at = random.below(total);
  const changed = new Map(files);
  for (const [path, bytes] of files) {
    if (at < bytes.length) {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 1 << random.below(8);
      changed.set(path, copy);
      break;
    }
    at -= bytes.length;
  }
  return changed;
}

test(`after a clean stop each of ${FLIPS} single-bit flips is refused (G11)`, async () => {
  const { files, texts } = await filledStore(true);
  assert.ok(files.size >= 4, 'the store has several segments');
  assert.deepEqual(await readAll(files), texts);
  const random = new SeededRandom(2024);
  for (let i = 0; i < FLIPS; i++) assert.equal(await readAll(flip(files, random)), undefined, `flip ${i}`);
});

test(`after a kill ${FLIPS} single-bit flips give the right data, a prefix of it, or a refusal (G11)`, async () => {
  const { files, texts } = await filledStore(false);
  const random = new SeededRandom(2025);
  let refused = 0;
  for (let i = 0; i < FLIPS; i++) {
    const rows = await readAll(flip(files, random));
    if (rows === undefined) refused += 1;
    else for (const user of USERS) assert.deepEqual(rows.get(user), texts.get(user)!.slice(0, rows.get(user)!.length));
  }
  assert.ok(refused > FLIPS / 2);
});

test('every cut of the last segment after a kill gives a prefix or a refusal', async () => {
  const { files, texts } = await filledStore(false);
  const last = [...files.keys()]
    .filter((path) => path.startsWith('log/'))
    .sort()
    .at(-1)!;
  const whole = files.get(last)!;
  for (let length = 0; length < whole.length; length += 997) {
    const rows = await readAll(new Map(files).set(last, whole.subarray(0, length)));
    if (rows === undefined) continue;
    for (const user of USERS) assert.deepEqual(rows.get(user), texts.get(user)!.slice(0, rows.get(user)!.length));
  }
});

test('a flip under the feet of a running store is an error to the reader, not a wrong message', async () => {
  const { files } = await filledStore(true);
  const disk = FaultDisk.fromFiles(files);
  const driver = await embeddedDriver(disk, { ...SETTINGS, durability: Durability.Disk }).open();
  const first = [...files.keys()].filter((path) => path.startsWith('log/')).sort()[0]!;
  const file = await disk.open(first, { create: false });
  await file.write([Buffer.from([255, 254, 253])], 3000);
  await assert.rejects(driver.timeline('u0'), { name: 'StoreReadError' });
});
