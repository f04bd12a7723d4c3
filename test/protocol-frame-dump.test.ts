import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dumpFrames } from '../tools/frame-dump.ts';
import { writeFrame } from '../tools/vectors/codec.ts';
import { parseHex } from '../tools/vectors/hex.ts';
import { exampleOf } from '../tools/vectors/valid.ts';

describe('frame dump', () => {
  it('names command, requestId and fields', () => {
    assert.deepEqual(dumpFrames(parseHex(exampleOf('SEND').hex)), [
      'SEND requestId=7 target="bob" targetType=0 clientMsgId="c1" flags=0 payload=<2 bytes 6869>',
    ]);
  });

  it('opens the messages of a page', () => {
    const [line] = dumpFrames(parseHex(exampleOf('SYNCACK').hex));
    assert.match(line ?? '', /^SYNCACK requestId=8 epoch=1 .* messages=\[\{epoch=1 seq=13 .*from="alice"/);
  });

  it('shows unknown commands, unknown fields, malformed bodies and unfinished frames', () => {
    const stream = parseHex('000002 3f 00000001 9105 000002 02 00000002 91c0 000001 02 00000003 80 000001 02');
    assert.deepEqual(dumpFrames(stream), [
      'unknown 3f requestId=1 #0=5',
      'PING requestId=2 #0=null',
      'PING requestId=3 malformed: 80',
      'unfinished frame: 00000102',
    ]);
  });

  it('says when the rest cannot be read', () => {
    const ping = writeFrame('PING', 1, {});
    assert.deepEqual(dumpFrames(Buffer.concat([ping, Buffer.alloc(8)])), [
      'PING requestId=1',
      'MALFORMED_FRAME: the rest cannot be read',
    ]);
  });
});
