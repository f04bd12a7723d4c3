/**
 * The server's side of the protocol with a timeline of one user in memory. It answers everything by itself; a test
 * replaces single answers through `script`, or speaks through the connection's own verbs.
 */
import type { AcceptHandler, Stream, Transport } from '../../src/net/transport.ts';
import {
  type AckBody,
  BODY_BYTES_MAX,
  type CloseBody,
  Command,
  type ConnackBody,
  type ConnectBody,
  type DisconnectBody,
  Durability,
  type ErrorBody,
  FrameReader,
  type FrameSink,
  type MessageBody,
  MessageKind,
  MessagePackWriter,
  type PartialFrame,
  type PingBody,
  type ReauthBody,
  readAck,
  readConnect,
  readDisconnect,
  readPing,
  readReauth,
  readSend,
  readSync,
  type SendackBody,
  type SendBody,
  type SyncBody,
  writeClose,
  writeConnack,
  writeError,
  writeGap,
  writeGoaway,
  writeKick,
  writeMessage,
  writeNotify,
  writePong,
  writeReauthack,
  writeResync,
  writeSendack,
  writeSyncack,
} from '../../src/protocol/index.ts';

interface Bodies {
  connect: ConnectBody;
  ping: PingBody;
  ack: AckBody;
  disconnect: DisconnectBody;
  sync: SyncBody;
  reauth: ReauthBody;
  send: SendBody;
}
type Name = keyof Bodies;

export interface Received<Body> {
  readonly requestId: number;
  readonly body: Body;
}

export type Script = { [Each in Name]?: (connection: ServerConnection, frame: Received<Bodies[Each]>) => void };

type Read<Body> = (bytes: Buffer, start: number, end: number) => Body | undefined;
const READERS: Readonly<Record<number, readonly [Name, Read<Bodies[Name]>]>> = {
  [Command.Connect]: ['connect', readConnect],
  [Command.Ping]: ['ping', readPing],
  [Command.Ack]: ['ack', readAck],
  [Command.Disconnect]: ['disconnect', readDisconnect],
  [Command.Sync]: ['sync', readSync],
  [Command.Reauth]: ['reauth', readReauth],
  [Command.Send]: ['send', readSend],
};

export class ServerConnection implements FrameSink<undefined> {
  /** Everything the client has sent, in order, by name. */
  readonly names: Name[] = [];
  isClosed = false;
  readonly #server: ScriptedServer;
  readonly #stream: Stream;
  readonly #reader = new FrameReader<undefined>(this);
  readonly #received: { readonly name: Name; readonly frame: Received<Bodies[Name]> }[] = [];
  #partial: PartialFrame | undefined;

  constructor(server: ScriptedServer, stream: Stream) {
    this.#server = server;
    this.#stream = stream;
  }

  all<Each extends Name>(name: Each): Received<Bodies[Each]>[] {
    return this.#received.filter((each) => each.name === name).map((each) => each.frame as Received<Bodies[Each]>);
  }

  last<Each extends Name>(name: Each): Received<Bodies[Each]> {
    const frame = this.all(name).at(-1);
    if (frame === undefined) throw new Error(`no ${name} has come`);
    return frame;
  }

  read(bytes: Uint8Array): void {
    this.#partial = this.#reader.read(undefined, this.#partial, Buffer.from(bytes), () => BODY_BYTES_MAX);
  }

  onFrame(_context: undefined, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const [name, read] = READERS[command] ?? [];
    const body = read?.(Buffer.from(bytes.subarray(start, end)), 0, end - start);
    if (name === undefined || body === undefined) throw new Error(`the client has sent nonsense: command ${command}`);
    const frame = { requestId, body };
    this.names.push(name);
    this.#received.push({ name, frame });
    const answer = this.#server.script[name] ?? this.#server.defaults[name];
    (answer as ((connection: ServerConnection, frame: Received<Bodies[Name]>) => void) | undefined)?.(this, frame);
    return true;
  }

  onMalformed(): void {
    throw new Error('the client has sent a malformed frame');
  }

  write(write: (writer: MessagePackWriter) => void): void {
    const writer = new MessagePackWriter();
    write(writer);
    this.#stream.write(writer.copy());
  }

  connack(requestId: number, changes: Partial<ConnackBody> = {}): void {
    this.write((writer) => writeConnack(writer, requestId, { ...this.#server.connack(), ...changes }));
  }

  message(body: MessageBody): void {
    this.write((writer) => writeMessage(writer, 0, body));
  }

  page(requestId: number, messages: readonly MessageBody[]): void {
    const { epoch, head, floor } = this.#server;
    this.write((writer) => writeSyncack(writer, requestId, { epoch, head, floor, messages }));
  }

  sendack(requestId: number, changes: Partial<SendackBody> = {}): void {
    const body = {
      messageId: this.#server.nextMessageId(),
      serverTimeMs: 1,
      dup: false,
      durability: Durability.Disk,
      replicas: 0,
      ownEpoch: this.#server.epoch,
      ownSeq: 0,
      ...changes,
    };
    this.write((writer) => writeSendack(writer, requestId, body));
  }

  error(requestId: number, code: number, changes: Partial<ErrorBody> = {}): void {
    this.write((writer) => writeError(writer, requestId, { code, retryAfterMs: 0, detail: '', ...changes }));
  }

  notify(epoch: number, head: number): void {
    this.write((writer) => writeNotify(writer, 0, { epoch, head }));
  }

  pong(requestId: number, head: number, known = true): void {
    this.write((writer) => writePong(writer, requestId, { epoch: this.#server.epoch, head, known }));
  }

  reauthack(requestId: number, sessionExpiresAtMs: number): void {
    this.write((writer) => writeReauthack(writer, requestId, { sessionExpiresAtMs }));
  }

  resync(requestId: number): void {
    const { epoch, floor, head } = this.#server;
    this.write((writer) => writeResync(writer, requestId, { epoch, floor, head }));
  }

  gap(requestId: number): void {
    const { epoch, floor, head } = this.#server;
    this.write((writer) => writeGap(writer, requestId, { epoch, floor, head }));
  }

  goaway(retryAfterMs: number, alternatives: string[] = []): void {
    this.write((writer) => writeGoaway(writer, 0, { retryAfterMs, alternatives }));
  }

  kick(reason: number): void {
    this.write((writer) => writeKick(writer, 0, { reason, deviceType: 'phone' }));
  }

  close(reason: number, changes: Partial<CloseBody> = {}): void {
    this.write((writer) => writeClose(writer, 0, { reason, retryAfterMs: 0, detail: '', ...changes }));
    this.#stream.end();
  }

  /** Gone without a word. */
  cut(): void {
    this.#stream.destroy();
  }
}

export class ScriptedServer implements AcceptHandler {
  readonly connections: ServerConnection[] = [];
  script: Script = {};
  epoch = 1;
  floor = 1;
  /** The device's cursor, for clients without state. */
  cursor = 0;
  heartbeatMs = 30_000;
  ticket = '';
  sessionExpiresAtMs = 0;
  pageMax = 100;
  timeline: MessageBody[] = [];
  #generation = 0;
  #lastMessageId = 1000;

  static async listen(transport: Transport, port: number): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await transport.listen({ host: '127.0.0.1', port }, server);
    return server;
  }

  readonly defaults: Script = {
    connect: (connection, { requestId }) => connection.connack(requestId),
    ping: (connection, { requestId }) => connection.pong(requestId, this.head),
    send: (connection, { requestId }) => connection.sendack(requestId),
    sync: (connection, { requestId, body }) => this.#onSync(connection, requestId, body),
  };

  get head(): number {
    return this.timeline.at(-1)?.seq ?? this.floor - 1;
  }

  /** The newest connection. */
  get connection(): ServerConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nobody has connected');
    return connection;
  }

  nextMessageId(): number {
    this.#lastMessageId += 1;
    return this.#lastMessageId;
  }

  connack(): ConnackBody {
    this.#generation += 1;
    const { epoch, head, floor, cursor, heartbeatMs, ticket } = this;
    return {
      version: 1,
      generation: this.#generation,
      epoch,
      head,
      floor,
      cursor,
      heartbeatMs,
      windowMessages: 64,
      windowBytes: 262_144,
      bodyBytesMax: BODY_BYTES_MAX,
      ackTimeoutMs: 30_000,
      serverTimeMs: 1,
      ticket,
      sessionExpiresAtMs: this.sessionExpiresAtMs,
    };
  }

  /** Puts messages with these texts at the end of the timeline, without telling the client. */
  store(...texts: string[]): MessageBody[] {
    const stored = texts.map((text, index) => this.#newMessage(this.head + 1 + index, text));
    this.timeline.push(...stored);
    return stored;
  }

  /** As `store`, and pushes them. */
  push(...texts: string[]): void {
    for (const message of this.store(...texts)) this.connection.message(message);
  }

  /** Forgets everything below `floor`. */
  trim(floor: number): void {
    this.floor = floor;
    this.timeline = this.timeline.filter((message) => message.seq >= floor);
  }

  /** The same messages under a new epoch, as after a restore. */
  restoreAs(epoch: number): void {
    this.epoch = epoch;
    this.timeline = this.timeline.map((message) => ({ ...message, epoch }));
  }

  onAccepted(stream: Stream): void {
    const connection = new ServerConnection(this, stream);
    stream.owner = connection;
    this.connections.push(connection);
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    (stream.owner as ServerConnection).read(bytes);
  }

  onDrain(): void {}

  onClosed(stream: Stream): void {
    if (stream.owner instanceof ServerConnection) stream.owner.isClosed = true;
  }

  #onSync(connection: ServerConnection, requestId: number, sync: SyncBody): void {
    if (sync.epoch !== this.epoch || sync.after > this.head) connection.resync(requestId);
    else if (sync.after < this.floor - 1) connection.gap(requestId);
    else {
      const messages = this.timeline.filter((message) => message.seq > sync.after);
      connection.page(requestId, messages.slice(0, Math.min(sync.limit, this.pageMax)));
    }
  }

  #newMessage(seq: number, text: string): MessageBody {
    return {
      epoch: this.epoch,
      seq,
      messageId: this.nextMessageId(),
      timeMs: 1,
      kind: MessageKind.ClientToClient,
      from: 'bob',
      to: 'alice',
      clientMsgId: '',
      payload: Buffer.from(text),
    };
  }
}
