/**
 * Many clients of one gate in one process: dial, log in, take pushes and pages, acknowledge, ping. The frames are the
 * product's own codec; what a client library adds (queues, storage, reconnects) is left out, because it would be
 * measured with the system.
 *
 * Acknowledgements are gathered as the protocol allows: half a window of messages or `ACK_DELAY_MS`, whichever is first.
 */
import type { Clock } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { Outbox } from '../../src/net/outbox.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import {
  CLOSE_REASON_NAMES,
  Command,
  FrameReader,
  type FrameSink,
  MessagePackReader,
  MessagePackWriter,
  readClose,
  readConnack,
  readError,
  readNotify,
  readPong,
  readSendack,
  readSyncack,
  SERVER_BODY_BYTES_MAX,
  SYNC_LIMIT_MAX,
  writeAck,
  writePing,
  writeSync,
} from '../../src/protocol/index.ts';
import { writeLogin } from './login-frame.ts';
import { ConnectionPhase, type SluiceConnection } from './sluice-connection.ts';
import type { SluiceHandler, SluiceTarget } from './sluice-handler.ts';

const ACK_AFTER = 32;
const ACK_DELAY_MS = 25;
const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
const bodyBytesMax = (): number => SERVER_BODY_BYTES_MAX;

export class SluiceConnections implements DialHandler, FrameSink<SluiceConnection> {
  readonly outbox: Outbox;
  pagesPulled = 0;
  readonly #clock: Clock;
  readonly #target: SluiceTarget;
  readonly #handler: SluiceHandler;
  readonly #transport = new NodeTransport();
  readonly #frames = new FrameReader<SluiceConnection>(this);
  readonly #reader = new MessagePackReader();
  readonly #writer = new MessagePackWriter();
  #owingAcks: SluiceConnection[] = [];
  #ackTimerSet = false;

  constructor(clock: Clock, target: SluiceTarget, handler: SluiceHandler) {
    this.#clock = clock;
    this.#target = target;
    this.#handler = handler;
    this.outbox = new Outbox(clock);
    target.pacer?.beforeSleep(() => this.outbox.flushAll());
  }

  /** Dials and logs in. Rejects when the server refuses. */
  connect(connection: SluiceConnection): Promise<void> {
    const { host, port, from } = this.#target;
    return new Promise((resolve, reject) => {
      connection.login = { resolve, reject };
      connection.phase = ConnectionPhase.Dialing;
      connection.partial = undefined;
      const stream = this.#transport.dial({ host, port, ...from?.take() }, this);
      stream.owner = connection;
      connection.stream = stream;
    });
  }

  ping(connection: SluiceConnection): void {
    this.#writer.reset();
    writePing(this.#writer, connection.nextRequest(), {});
    this.#flush(connection);
  }

  /** Pulls from what is held to the head. */
  sync(connection: SluiceConnection): void {
    if (connection.syncing) return;
    connection.syncing = true;
    this.#pull(connection);
  }

  /** Sends what is held back, then ends the connection from this side. */
  end(connection: SluiceConnection): void {
    if (connection.phase === ConnectionPhase.Live) this.#ack(connection);
    this.drop(connection, () => connection.stream?.end());
  }

  /** Cuts the connection without a word. */
  drop(connection: SluiceConnection, close: () => void = () => connection.stream?.destroy()): void {
    if (connection.stream !== undefined) {
      this.outbox.flush(connection.stream);
      connection.phase = ConnectionPhase.Closed;
      close();
    }
  }

  /** Ends a login that is under way. */
  giveUp(connection: SluiceConnection): void {
    const { login } = connection;
    if (login === undefined) return;
    connection.login = undefined;
    this.drop(connection);
    login.reject(new Error('no answer in time'));
  }

  onOpen(stream: Stream): void {
    this.#target.pacer?.touched();
    const connection = stream.owner as SluiceConnection;
    connection.phase = ConnectionPhase.LoggingIn;
    this.#writer.reset();
    writeLogin(this.#writer, connection, this.#target, this.#clock.wallMs());
    this.#flush(connection);
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    this.#target.pacer?.touched();
    const connection = stream.owner as SluiceConnection;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    connection.partial = this.#frames.read(connection, connection.partial, chunk, bodyBytesMax);
  }

  onDrain(): void {}

  onClosed(stream: Stream, error: Error | undefined): void {
    const connection = stream.owner as SluiceConnection;
    if (connection.stream !== stream) return;
    this.#ended(connection, error?.message ?? 'the server closed the connection');
  }

  onMalformed(connection: SluiceConnection): void {
    connection.stream?.destroy();
    this.#ended(connection, 'a malformed frame from the server');
  }

  onFrame(
    connection: SluiceConnection,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (connection.phase === ConnectionPhase.Closed) return false;
    switch (command) {
      case Command.Message:
        this.#message(connection, bytes, start, end);
        break;
      case Command.Sendack:
        this.#sendack(connection, requestId, bytes, start, end);
        break;
      case Command.Pong:
        this.#mayBeBehind(connection, readPong(bytes, start, end)?.head ?? 0);
        break;
      case Command.Notify:
        this.#mayBeBehind(connection, readNotify(bytes, start, end)?.head ?? 0);
        break;
      case Command.Syncack:
        this.#page(connection, bytes, start, end);
        break;
      case Command.Connack:
        this.#connack(connection, bytes, start, end);
        break;
      case Command.Error: {
        const error = readError(bytes, start, end);
        this.#handler.onError(connection, requestId, error?.code ?? 0, error?.retryAfterMs ?? 0);
        break;
      }
      case Command.Close: {
        const close = readClose(bytes, start, end);
        connection.closeReason = close?.reason ?? 0;
        connection.retryAfterMs = close?.retryAfterMs ?? 0;
        break;
      }
      default:
        this.#handler.onUnknown(connection, bytes, start, end);
    }
    return true;
  }

  #message(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    reader.arrayHeader();
    reader.uint(INTEGER_MAX);
    const seq = reader.uint(INTEGER_MAX);
    if (seq !== connection.seq + 1) {
      if (seq > connection.seq) this.sync(connection);
      return;
    }
    // messageId, timeMs, kind, from, to, clientMsgId
    reader.skip(6, 3);
    const payload = reader.binStart();
    connection.seq = seq;
    this.#handler.onMessage(connection, bytes, payload, reader.position);
    if (++connection.unacked >= ACK_AFTER) this.#ack(connection);
    else this.#oweAck(connection);
  }

  #sendack(connection: SluiceConnection, requestId: number, bytes: Buffer, start: number, end: number): void {
    const ack = readSendack(bytes, start, end);
    if (ack !== undefined && ack.ownSeq === connection.seq + 1) connection.seq = ack.ownSeq;
    this.#handler.onSendack(connection, requestId);
  }

  #connack(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void {
    const connack = readConnack(bytes, start, end);
    if (connack === undefined) return;
    if (connection.epoch !== connack.epoch) {
      connection.epoch = connack.epoch;
      connection.seq = connack.cursor;
    }
    connection.acked = connection.seq;
    connection.phase = ConnectionPhase.Live;
    connection.syncing = false;
    connection.login?.resolve();
    connection.login = undefined;
    this.#mayBeBehind(connection, connack.head);
  }

  #mayBeBehind(connection: SluiceConnection, head: number): void {
    if (head > connection.head) connection.head = head;
    if (head > connection.seq) this.sync(connection);
  }

  #page(connection: SluiceConnection, bytes: Buffer, start: number, end: number): void {
    const page = readSyncack(bytes, start, end);
    this.pagesPulled++;
    if (page === undefined || page.messages.length === 0) {
      connection.syncing = false;
      return;
    }
    for (const { seq, payload } of page.messages) {
      if (seq !== connection.seq + 1) continue;
      connection.seq = seq;
      this.#handler.onMessage(connection, payload as Buffer, 0, payload.length);
    }
    this.#pull(connection);
  }

  #pull(connection: SluiceConnection): void {
    this.#writer.reset();
    connection.acked = connection.seq;
    connection.unacked = 0;
    const { epoch, seq: after } = connection;
    writeSync(this.#writer, connection.nextRequest(), { epoch, after, limit: SYNC_LIMIT_MAX });
    this.#flush(connection);
  }

  #oweAck(connection: SluiceConnection): void {
    if (connection.ackQueued) return;
    connection.ackQueued = true;
    this.#owingAcks.push(connection);
    if (this.#ackTimerSet) return;
    this.#ackTimerSet = true;
    this.#clock.setTimer(() => {
      this.#ackTimerSet = false;
      for (const owing of this.#owingAcks.splice(0)) {
        owing.ackQueued = false;
        this.#ack(owing);
      }
    }, ACK_DELAY_MS);
  }

  #ack(connection: SluiceConnection): void {
    if (connection.unacked === 0 || connection.phase !== ConnectionPhase.Live) return;
    connection.unacked = 0;
    connection.acked = connection.seq;
    this.#writer.reset();
    writeAck(this.#writer, 0, { epoch: connection.epoch, seq: connection.seq });
    this.#flush(connection);
  }

  #flush({ stream }: SluiceConnection): void {
    if (stream !== undefined) this.outbox.append(stream, this.#writer.buffer, 0, this.#writer.position);
  }

  #ended(connection: SluiceConnection, cause: string): void {
    const { phase, login, closeReason } = connection;
    connection.phase = ConnectionPhase.Closed;
    connection.stream = undefined;
    if (phase === ConnectionPhase.Closed) return;
    const reason = closeReason === 0 ? cause : (CLOSE_REASON_NAMES[closeReason] ?? String(closeReason));
    connection.login = undefined;
    if (login !== undefined) login.reject(new Error(reason));
    else this.#handler.onLost(connection, reason);
  }
}
