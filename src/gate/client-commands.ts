/**
 * Frames from clients: which may come when, which the gate answers itself, and which it passes on.
 *
 *   0x00–3F  here: CONNECT, PING, ACK, DISCONNECT
 *   0x40–7F  forwarded by the session's uid  ┐ bodies are only guarded, so that an old gate
 *   0x80–BF  forwarded by body field 0       ┘ carries commands that only a newer logic knows
 *   0xC0–FF  server → client: never accepted
 */
import {
  BODY_BYTES_MAX,
  CloseReason,
  Command,
  ErrorCode,
  type FrameSink,
  GATE_COMMANDS,
  INTEGER_MAX,
  MessagePackReader,
  PRE_LOGIN_BODY_BYTES_MAX,
  readAck,
  readDisconnect,
  readPing,
  readSync,
  SERVER_COMMANDS,
  SendFlag,
  TARGET_COMMANDS,
  writeError,
  writePong,
} from '../protocol/index.ts';
import { ConnectionFlag, ConnectionState, type ConnectionTable } from './connection-table.ts';
import type { Connections } from './connections.ts';
import type { DeliveryWindow } from './delivery-window.ts';
import { type LogicSide, NOWHERE } from './logic-side.ts';
import type { MessageRate } from './message-rate.ts';
import type { ProtocolErrors } from './protocol-errors.ts';
import { HoldState, NO_PARTITION, NO_TAG, type RequestTracker } from './request-tracker.ts';

export interface CommandLimits {
  readonly preLoginBodyBytesMax: number;
  readonly bodyBytesMax: number;
}

export class ClientCommands implements FrameSink<number> {
  readonly #connections: Connections;
  readonly #table: ConnectionTable;
  readonly #window: DeliveryWindow;
  readonly #requests: RequestTracker;
  readonly #logic: LogicSide;
  readonly #errors: ProtocolErrors;
  /** Undefined when messages have no rate. */
  readonly #rate: MessageRate | undefined;
  readonly #limits: CommandLimits;
  readonly #reader: MessagePackReader = new MessagePackReader();

  constructor(
    connections: Connections,
    window: DeliveryWindow,
    requests: RequestTracker,
    logic: LogicSide,
    errors: ProtocolErrors,
    rate: MessageRate | undefined,
    limits: CommandLimits,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#window = window;
    this.#requests = requests;
    this.#logic = logic;
    this.#errors = errors;
    this.#rate = rate;
    this.#limits = limits;
  }

  /** The largest body that the connection may send now. */
  readonly bodyBytesMax = (slot: number): number =>
    this.#table.state[slot] === ConnectionState.Ready
      ? Math.min(this.#limits.bodyBytesMax, BODY_BYTES_MAX)
      : Math.min(this.#limits.preLoginBodyBytesMax, PRE_LOGIN_BODY_BYTES_MAX);

  onMalformed(slot: number, reason: CloseReason): void {
    this.#connections.close(slot, reason);
  }

  onFrame(slot: number, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const counters = this.#connections.counters;
    counters.framesIn[command] = (counters.framesIn[command] as number) + 1;
    const state = this.#table.state[slot];
    if (state === ConnectionState.Ready) {
      if (command > GATE_COMMANDS.last && command < SERVER_COMMANDS.first) {
        this.#forward(slot, command, requestId, bytes, start, end);
      } else this.#handle(slot, command, requestId, bytes, start, end);
    } else if (state === ConnectionState.Fresh && command === Command.Connect) {
      this.#login(slot, requestId, bytes, start, end);
    } else this.#connections.close(slot, CloseReason.NotLoggedIn);
    return this.#table.state[slot] !== ConnectionState.Closing;
  }

  /** Refuses one request; a refused SEND holds those that follow it. */
  refuse(slot: number, requestId: number, code: ErrorCode, isSend: boolean, retryAfterMs = 0): void {
    if (isSend && code !== ErrorCode.Held) this.#requests.hold(slot);
    writeError(this.#connections.writer, requestId, { code, retryAfterMs, detail: '' });
    if (this.#connections.send(slot)) this.#errors.answered(slot, code);
  }

  #login(slot: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#reader.reset(bytes, start, end).guard()) {
      this.#connections.close(slot, CloseReason.MalformedBody);
      return;
    }
    this.#table.transition(slot, ConnectionState.LoggingIn);
    this.#requests.begin(slot, requestId, false, NO_PARTITION);
    if (!this.#logic.login(slot, bytes, start, end)) {
      this.#connections.close(slot, CloseReason.Unavailable, this.#logic.retryAfterMs());
    }
  }

  #handle(slot: number, command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    switch (command) {
      case Command.Ping:
        this.#ping(slot, requestId, bytes, start, end);
        break;
      case Command.Ack:
        this.#ack(slot, bytes, start, end);
        break;
      case Command.Disconnect:
        this.#disconnect(slot, bytes, start, end);
        break;
      case Command.Connect:
        this.#connections.close(slot, CloseReason.AlreadyLoggedIn);
        break;
      default:
        this.#connections.close(
          slot,
          command >= SERVER_COMMANDS.first ? CloseReason.WrongDirection : CloseReason.UnknownCommand,
        );
    }
  }

  #ping(slot: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#errors.pinged(slot)) return;
    if (readPing(bytes, start, end) === undefined) {
      this.#connections.close(slot, CloseReason.MalformedBody);
      return;
    }
    const table = this.#table;
    writePong(this.#connections.writer, requestId, {
      epoch: table.epoch[slot] as number,
      head: table.headSeq[slot] as number,
      known: ((table.flags[slot] as number) & ConnectionFlag.Known) !== 0,
    });
    this.#connections.send(slot);
  }

  #disconnect(slot: number, bytes: Buffer, start: number, end: number): void {
    const body = readDisconnect(bytes, start, end);
    this.#connections.close(slot, body === undefined ? CloseReason.MalformedBody : CloseReason.Normal);
  }

  #ack(slot: number, bytes: Buffer, start: number, end: number): void {
    const body = readAck(bytes, start, end);
    if (body === undefined) this.#connections.close(slot, CloseReason.MalformedBody);
    else if (!this.#window.acknowledge(slot, body.epoch, body.seq)) {
      this.#connections.close(slot, CloseReason.ProtocolError, 0, 'ACK beyond what was sent');
    }
  }

  #forward(slot: number, command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#reader.reset(bytes, start, end).guard()) {
      this.#connections.close(slot, CloseReason.MalformedBody);
      return;
    }
    const isSend = command === Command.Send;
    // Counted before anything is refused: a refusal costs about as much as a message.
    const throttledMs =
      this.#rate === undefined || command < TARGET_COMMANDS.first ? 0 : this.#rate.take(slot, end - start);
    if (isSend && this.#requests.isHeld(slot) && !this.#passesHold(slot, requestId, bytes, start, end)) return;
    if (throttledMs > 0) {
      this.refuse(slot, requestId, ErrorCode.Throttled, isSend, Math.ceil(throttledMs));
      return;
    }
    const partition = this.#logic.destination(slot, command, bytes, start, end);
    if (partition === NOWHERE) {
      this.refuse(slot, requestId, ErrorCode.RetryLater, isSend, this.#logic.comeAgainMs(slot));
      return;
    }
    const tag = this.#requests.begin(slot, requestId, isSend, partition);
    if (tag === NO_TAG) {
      this.refuse(slot, requestId, ErrorCode.Busy, isSend);
      return;
    }
    if (command === Command.Sync) this.#pull(slot, bytes, start, end);
    this.#logic.forward(slot, partition, command, tag, bytes, start, end);
  }

  /**
   * A pull acknowledges everything up to `after`, from here on: were it left to the reply, a client that leaves after its
   * last pull would get those messages again. What this connection was not sent is for the logic to judge.
   */
  #pull(slot: number, bytes: Buffer, start: number, end: number): void {
    this.#window.pulling(slot);
    const body = readSync(bytes, start, end);
    if (body !== undefined) this.#window.acknowledge(slot, body.epoch, body.after);
  }

  /** False when the SEND was refused because of the hold. */
  #passesHold(slot: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const reader = this.#reader.reset(bytes, start, end);
    reader.arrayHeader();
    const target = reader.str();
    reader.uint(INTEGER_MAX);
    reader.str();
    const flags = reader.uint(INTEGER_MAX);
    // A body of another shape is for the logic to refuse.
    if (reader.failed) return true;
    const state = this.#requests.check(slot, target, (flags & SendFlag.Restart) !== 0);
    if (state === HoldState.Free) return true;
    if (state === HoldState.Overflow) this.#connections.close(slot, CloseReason.HoldOverflow);
    else this.refuse(slot, requestId, ErrorCode.Held, true);
    return false;
  }
}
