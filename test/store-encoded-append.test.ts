/** Messages that are still bytes are the same messages: keys, fingerprints, what is stored, what is a duplicate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AppId, DeviceId, Uid } from '../src/model/ids.ts';
import { bodyFingerprint, chunkFingerprint } from '../src/store/dedupe-rules.ts';
import { DedupeKey } from '../src/store/embedded/dedupe-key.ts';
import { EncodedAppend, payloadBytes } from '../src/store/encoded-append.ts';
import { isAscii, MessageArena, type MessageChunk } from '../src/store/message-arena.ts';
import { type AppendOperation, AppendStatus, MessageKind } from '../src/store/store.ts';
import { embeddedDriver } from './support/embedded-maker.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { append } from './support/store-driver.ts';

class TestAppend extends EncodedAppend {
  readonly app: AppId;
  readonly target: Uid;
  readonly sender: Uid;
  readonly senderDevice: DeviceId;
  readonly kind: MessageKind = MessageKind.ClientToClient;
  readonly copyToSender = false;
  readonly context = undefined;

  constructor(arena: MessageArena, like: AppendOperation) {
    const id = Buffer.from(like.clientMsgId);
    const all = Buffer.concat([id, like.payload]);
    const idStart = arena.copy(all, 0, all.length);
    const { chunk } = arena;
    const idEnd = idStart + id.length;
    const ends = { idEnd, payloadStart: idEnd, payloadEnd: idEnd + like.payload.length };
    super({ chunk, idStart, ...ends, isAscii: isAscii(chunk.view, idStart, idEnd) });
    this.app = like.app;
    this.target = like.target;
    this.sender = like.sender;
    this.senderDevice = like.senderDevice;
  }
}

/** The bytes at an odd place of a chunk. */
function chunkOf(bytes: Uint8Array): MessageChunk {
  const whole = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(5, 0xff)]);
  return { bytes: whole, view: new DataView(whole.buffer, whole.byteOffset, whole.length) };
}

test('the fingerprint of a payload is the same from a chunk, at every length around the native call', () => {
  const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 180, maxLength: 200 }));
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      assert.equal(chunkFingerprint(chunkOf(bytes), 3, 3 + bytes.length), bodyFingerprint(bytes));
    }),
  );
});

test('the dedupe key of an ASCII id is the same from its bytes', () => {
  const key = new DedupeKey(Uint32Array.from([0x9e3779b9, 2, 0xffffffff, 7]));
  const ascii = fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(ascii, fc.nat(), fc.nat(), (units, target, sender) => {
      key.compute(target, sender, String.fromCharCode(...units));
      const words = [key.key0, key.key1, key.key2];
      key.computeAscii(target, sender, chunkOf(Uint8Array.from(units)).view, 3, 3 + units.length);
      assert.deepEqual([key.key0, key.key1, key.key2], words);
    }),
  );
});

test('a single byte beyond ASCII is seen at every place', () => {
  for (let length = 0; length < 12; length++) {
    const bytes = Buffer.alloc(length, 0x7f);
    assert.equal(isAscii(chunkOf(bytes).view, 3, 3 + length), true);
    for (let at = 0; at < length; at++) {
      const other = Buffer.from(bytes);
      other[at] = 0x80;
      assert.equal(isAscii(chunkOf(other).view, 3, 3 + length), false);
    }
  }
});

test('the arena keeps what it was given when its chunk is full and when a message is longer than that', () => {
  const arena = new MessageArena();
  const kept = [100, 8000, 9000, 70_000, 8192, 1, 65_536].flatMap((length) =>
    Array.from({ length: 20 }, (_, i) => {
      const source = Buffer.alloc(length + 2, i + 1);
      const start = arena.copy(source, 1, 1 + length);
      source.fill(0xff);
      return { chunk: arena.chunk, start, expected: Buffer.alloc(length, i + 1) };
    }),
  );
  for (const { chunk, start, expected } of kept) {
    assert.ok(chunk.bytes.subarray(start, start + expected.length).equals(expected));
    assert.equal(chunk.view.getUint8(start), expected[0]);
  }
});

test('a message that comes as bytes is stored like one that comes as text, and is its duplicate (G3)', async () => {
  const disk = new FaultDisk();
  const driver = await embeddedDriver(disk).open();
  const arena = new MessageArena();
  const texts = ['m-1', '0123456789abcdef0123456789abcdef', 'größe', '消息-1', 'x'.repeat(64)];
  const asText = texts.map((id, i) => append({ to: 'bob', id, text: 'p'.repeat(i * 100) }));
  const asBytes = asText.map((operation) => new TestAppend(arena, operation));
  const retries = texts.map((id, i) => append({ to: 'bob', id, text: 'p'.repeat(i * 100) }));
  const others = asText.map((operation) => new TestAppend(arena, { ...operation, payload: Buffer.from('other') }));
  for (const operation of [...asBytes, ...retries, ...others]) driver.store.submit(operation);
  await driver.clock.advanceAsync(50);
  assert.deepEqual(
    asBytes.map(({ status, clientMsgId, payload }) => [status, clientMsgId, payload.length]),
    texts.map((id, i) => [AppendStatus.Stored, id, i * 100]),
  );
  assert.deepEqual(asBytes.map(payloadBytes), asText.map(payloadBytes));
  assert.ok(
    retries.every(
      ({ status, messageId }, i) => status === AppendStatus.Duplicate && messageId === asBytes[i]!.messageId,
    ),
  );
  assert.ok(others.every(({ status }) => status === AppendStatus.Conflict));
  await driver.close();
  const reopened = await embeddedDriver(disk).open();
  const stored = await reopened.timeline('bob');
  assert.deepEqual(
    stored.map(({ clientMsgId, payload }) => [clientMsgId, Buffer.from(payload).toString()]),
    texts.map((id, i) => [id, 'p'.repeat(i * 100)]),
  );
  await reopened.close();
});
