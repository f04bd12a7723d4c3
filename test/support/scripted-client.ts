/** A client that says exactly what a test tells it to, good or bad, and keeps what comes back. */
import type { Address, DialHandler, Stream } from '../../src/net/transport.ts';
import {
  CLOSE_REASON_NAMES,
  type CloseBody,
  COMMAND_NAMES,
  Command,
  ERROR_CODE_NAMES,
  type ErrorBody,
  MessagePackWriter,
  readClose,
  readError,
  readMessage,
  readNotify,
  SERVER_BODY_BYTES_MAX,
  writeAck,
  writeConnect,
  writePing,
  writeSend,
  writeSync,
} from '../../src/protocol/index.ts';
import { type CollectedFrame, FrameCollector } from './frame-collector.ts';
import type { MemoryLink } from './memory-link.ts';
import type { MemoryTransport } from './memory-transport.ts';
import { EPOCH } from './scripted-logic.ts';

export class ScriptedClient implements DialHandler {
  readonly stream: Stream;
  /** The wire to the gate. */
  readonly link: MemoryLink;
  closed = false;
  readonly #collector = new FrameCollector(SERVER_BODY_BYTES_MAX);
  readonly #writer = new MessagePackWriter();
  #nextRequestId = 1;

  constructor(transport: MemoryTransport, address: Address) {
    this.stream = transport.dial(address, this);
    this.link = transport.links.at(-1) as MemoryLink;
  }

  get frames(): readonly CollectedFrame[] {
    return this.#collector.frames;
  }

  /** Command names in the order in which they came, such as 'CONNACK'. */
  get received(): string[] {
    return this.frames.map((frame) => COMMAND_NAMES[frame.command] ?? String(frame.command));
  }

  bodiesOf(command: number): Buffer[] {
    return this.frames.filter((frame) => frame.command === command).map((frame) => frame.body);
  }

  get close(): CloseBody | undefined {
    const body = this.bodiesOf(Command.Close)[0];
    return body && readClose(body, 0, body.length);
  }

  /** Name of the reason in CLOSE. */
  get closeReason(): string | undefined {
    return this.close && CLOSE_REASON_NAMES[this.close.reason];
  }

  get errorBodies(): ErrorBody[] {
    return this.bodiesOf(Command.Error).flatMap((body) => readError(body, 0, body.length) ?? []);
  }

  /** Names of the codes of all ERRORs, as 'requestId NAME'. */
  get errors(): string[] {
    const frames = this.frames.filter((frame) => frame.command === Command.Error);
    return this.errorBodies.map((body, index) => `${frames[index]?.requestId} ${ERROR_CODE_NAMES[body.code]}`);
  }

  /** Seqs of all MESSAGEs. */
  get seqs(): number[] {
    return this.bodiesOf(Command.Message).map((body) => readMessage(body, 0, body.length)?.seq ?? -1);
  }

  /** Heads of all NOTIFYs. */
  get notified(): number[] {
    return this.bodiesOf(Command.Notify).map((body) => readNotify(body, 0, body.length)?.head ?? -1);
  }

  raw(...bytes: (number | Uint8Array)[]): void {
    this.stream.write(Buffer.concat(bytes.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part))));
  }

  /** A frame with any command and body. */
  frame(command: number, body: Uint8Array, requestId = 0): void {
    this.stream.write(frameBytes(command, body, requestId));
  }

  connect(uid = 'alice', capabilities = 0): void {
    const device = { deviceType: 'phone', deviceId: `${uid}-phone`, intent: 0 };
    const state = { lastGeneration: 0, epoch: 0, lastSeq: 0 };
    const credential = { app: 'demo', uid, credentialType: 0, credential: 'a.b.c' };
    this.#write((writer, requestId) =>
      writeConnect(writer, requestId, { version: 1, ...credential, ...device, ...state, capabilities, agent: '' }),
    );
  }

  ping(): void {
    this.#write((writer, requestId) => writePing(writer, requestId, {}));
  }

  ack(seq: number, epoch: number = EPOCH): void {
    this.#write((writer) => writeAck(writer, 0, { epoch, seq }));
  }

  sync(after: number, epoch: number = EPOCH): number {
    return this.#write((writer, requestId) => writeSync(writer, requestId, { epoch, after, limit: 200 }));
  }

  /** Answers the requestId. */
  send(target = 'bob', flags = 0, payload: Uint8Array = Buffer.from('hi')): number {
    return this.#write((writer, requestId) =>
      writeSend(writer, requestId, { target, targetType: 0, clientMsgId: `c${requestId}`, flags, payload }),
    );
  }

  /** SENDs that arrive in one piece. */
  sendMany(count: number, target = 'bob'): void {
    const body = { target, targetType: 0, clientMsgId: 'c', flags: 0, payload: Buffer.from('hi') };
    for (let sent = 0; sent < count; sent++) writeSend(this.#writer, this.#nextRequestId++, body);
    this.stream.write(this.#writer.copy());
    this.#writer.reset();
  }

  onOpen(): void {}

  onBytes(_stream: Stream, bytes: Uint8Array): void {
    this.#collector.feed(Buffer.from(bytes));
  }

  onDrain(): void {}

  onClosed(): void {
    this.closed = true;
  }

  #write(write: (writer: MessagePackWriter, requestId: number) => void): number {
    const requestId = this.#nextRequestId++;
    write(this.#writer, requestId);
    this.stream.write(this.#writer.copy());
    this.#writer.reset();
    return requestId;
  }
}

export function frameBytes(command: number, body: Uint8Array, requestId = 0): Buffer {
  const header = Buffer.alloc(8);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = command;
  header.writeUInt32BE(requestId, 4);
  return Buffer.concat([header, body]);
}
