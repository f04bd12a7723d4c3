/** The example client of the specification, in another language, against a scripted server. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { BODY_BYTES_MAX, Capability, CloseReason, Command, ErrorCode, SendFlag } from '../src/protocol/index.ts';
import { repositoryPath } from '../tools/generated-file.ts';
import { CONNACK, MESSAGE, SENDACK } from '../tools/vectors/bodies.ts';
import { commandCoded, type NamedBody, readBody, writeFrame } from '../tools/vectors/codec.ts';
import { FrameCollector } from './support/frame-collector.ts';

const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).status === 0;
const options = { timeout: 20_000, ...(hasPython ? {} : { skip: 'python3 of at least 3.10 is not installed' }) };

/** Answers one frame of the client. */
type Answer = (command: number, requestId: number, body: NamedBody) => Buffer[];

interface Played {
  readonly output: string;
  readonly errors: string;
  readonly received: readonly (readonly [string, NamedBody])[];
}

/** Runs the client against a server that answers each frame with `answer`, in pieces, and closes after DISCONNECT. */
async function play(answer: Answer, verb: string, ...rest: string[]): Promise<Played> {
  const received: [string, NamedBody][] = [];
  const serve = (socket: Socket): void => {
    const collector = new FrameCollector(BODY_BYTES_MAX);
    socket.setNoDelay(true).on('error', () => {});
    socket.on('data', (bytes) => {
      collector.feed(bytes);
      for (const frame of collector.frames.splice(0)) {
        const name = commandCoded(frame.command)?.name ?? '';
        const body = readBody(name, frame.body);
        assert.ok(body !== undefined, `a malformed ${name}`);
        received.push([name, body]);
        const reply = Buffer.concat(answer(frame.command, frame.requestId, body));
        socket.write(reply.subarray(0, 3));
        socket.write(reply.subarray(3));
        if (frame.command === Command.Disconnect)
          socket.end(writeFrame('CLOSE', 0, { reason: CloseReason.Normal, retryAfterMs: 0, detail: '' }));
      }
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = repositoryPath('protocol-spec/examples/client.py');
  const child = spawn('python3', ['-B', script, verb, address, 'demo', 'bob', 'token', ...rest]);
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes) => (output += String(bytes)));
  child.stderr.on('data', (bytes) => (errors += String(bytes)));
  await once(child, 'close');
  server.close();
  return { output, errors, received };
}

const names = ({ received }: Played): string[] => received.map(([name]) => name);

describe('example client', () => {
  it('sends, and re-sends with RESTART and the same clientMsgId after a retryable error', options, async () => {
    const played = await play(
      (command, requestId, body) => {
        if (command === Command.Connect) return [writeFrame('CONNACK', requestId, { ...CONNACK, generation: 0 })];
        if (command !== Command.Send) return [];
        return body['flags'] === SendFlag.Restart
          ? [writeFrame('SENDACK', requestId, SENDACK)]
          : [writeFrame('ERROR', requestId, { code: ErrorCode.RetryLater, retryAfterMs: 1, detail: '' })];
      },
      'send',
      'alice',
      'grüß dich',
    );
    assert.equal(played.errors, '');
    assert.deepEqual(names(played), ['CONNECT', 'SEND', 'SEND', 'DISCONNECT']);
    const [[, connect], [, first], [, second]] = played.received as [
      [string, NamedBody],
      [string, NamedBody],
      [string, NamedBody],
    ];
    assert.equal(connect['capabilities'], Capability.SendOnly);
    assert.deepEqual(second, { ...first, flags: SendFlag.Restart });
    assert.equal(String(first['payload']), 'grüß dich');
    const { messageId, dup } = JSON.parse(played.output);
    assert.deepEqual([messageId, dup], [SENDACK['messageId'], false]);
  });

  it('pulls until the empty page, then takes pushes, drops repeats and acknowledges', options, async () => {
    const message = (seq: number): NamedBody => ({
      ...MESSAGE,
      seq,
      messageId: 1000 + seq,
      payload: Buffer.from(`m${seq}`),
    });
    const page = (requestId: number, messages: NamedBody[]): Buffer =>
      writeFrame('SYNCACK', requestId, { epoch: 1, head: 2, floor: 1, messages });
    const played = await play(
      (command, requestId, body) => {
        if (command === Command.Connect) return [writeFrame('CONNACK', requestId, { ...CONNACK, head: 2, cursor: 0 })];
        if (command !== Command.Sync) return [];
        const after = body['after'] as number;
        if (after < 2) return [page(requestId, [message(after + 1)])];
        return [page(requestId, []), ...[2, 3, 4].map((seq) => writeFrame('MESSAGE', 0, message(seq)))];
      },
      'listen',
      '4',
    );
    assert.equal(played.errors, '');
    assert.deepEqual(
      played.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).text),
      ['m1', 'm2', 'm3', 'm4'],
    );
    assert.deepEqual(names(played), ['CONNECT', 'SYNC', 'SYNC', 'SYNC', 'ACK', 'ACK', 'ACK', 'DISCONNECT']);
    const acked = played.received.filter(([name]) => name === 'ACK').map(([, body]) => body['seq']);
    assert.deepEqual(acked, [2, 3, 4]);
  });

  it('reports the reason of a refused login', options, async () => {
    const close = writeFrame('CLOSE', 0, { reason: CloseReason.CredentialExpired, retryAfterMs: 0, detail: 'too old' });
    const played = await play(() => [close], 'listen');
    assert.match(played.errors, /CLOSE 101, retry after 0 ms: too old/);
  });
});
