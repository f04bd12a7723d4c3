/** A gate without clients: speaks the trunk to a logic and keeps what comes back, in order. */
import type { Clock } from '../../src/clock/clock.ts';
import type { Address, Transport } from '../../src/net/transport.ts';
import {
  CloseReason,
  Command,
  type ConnectBody,
  MessagePackWriter,
  readError,
  readMessage,
  readReauthack,
  readSendack,
  readSyncack,
  type SendBody,
  type SyncBody,
  writeConnectBody,
  writeReauthBody,
  writeSendBody,
  writeSyncBody,
} from '../../src/protocol/index.ts';
import {
  readApiKicked,
  readApiPushed,
  readApiSessionList,
  writeApiKick,
  writeApiPush,
  writeApiSessions,
} from '../../src/trunk/api-frames.ts';
import { dispatchToGate, type GateFrameHandler } from '../../src/trunk/gate-dispatch.ts';
import { writeForwardFor } from '../../src/trunk/guest-frames.ts';
import { readOwned } from '../../src/trunk/owned-frames.ts';
import { TrunkDialer, type TrunkDialerOwner } from '../../src/trunk/trunk-dialer.ts';
import { writeClosed, writeForward, writeLogin, writePosition, writeRegister } from '../../src/trunk/trunk-frames.ts';
import type { TrunkLink } from '../../src/trunk/trunk-link.ts';
import {
  type ApiKickFrame,
  type ApiPushFrame,
  type LoginAcceptedFrame,
  type OwnedPartition,
  type RegisterFrame,
  TrunkCommand,
} from '../../src/trunk/trunk-protocol.ts';
import { SeededRandom } from './seeded-random.ts';

/** One frame of the logic. `what` says which fields there are. */
export interface GateEvent {
  readonly what:
    | 'accepted'
    | 'refused'
    | 'reply'
    | 'push'
    | 'head'
    | 'end'
    | 'resync'
    | 'endGuest'
    | 'apiPushed'
    | 'apiKicked'
    | 'apiSessionList';
  readonly slot: number;
  readonly [field: string]: unknown;
}

export const CONNECT: ConnectBody = {
  version: 1,
  app: 'demo',
  uid: 'alice',
  credentialType: 0,
  credential: 'good',
  deviceType: 'phone',
  deviceId: 'd1',
  intent: 0,
  lastGeneration: 0,
  epoch: 0,
  lastSeq: 0,
  capabilities: 0,
  agent: '',
};

const API_ANSWERS: Readonly<
  Record<number, { what: GateEvent['what']; read: (bytes: Buffer, start: number, end: number) => object | undefined }>
> = {
  [TrunkCommand.ApiPushed]: { what: 'apiPushed', read: readApiPushed },
  [TrunkCommand.ApiKicked]: { what: 'apiKicked', read: readApiKicked },
  [TrunkCommand.ApiSessionList]: { what: 'apiSessionList', read: readApiSessionList },
};

export class FakeGate implements TrunkDialerOwner, GateFrameHandler {
  readonly events: GateEvent[] = [];
  /** Every list of what the logic owns, oldest first. */
  readonly owned: (readonly OwnedPartition[])[] = [];
  readonly dialer: TrunkDialer;
  readonly #clock: Clock;
  readonly #writer: MessagePackWriter = new MessagePackWriter();

  constructor(transport: Transport, clock: Clock, address: Address, name = 'gate 1') {
    this.#clock = clock;
    const times = { heartbeatMs: 2000, heartbeatMisses: 3 };
    const random = new SeededRandom(1);
    this.dialer = new TrunkDialer({ transport, clock, random, address, times, role: 'gate', name, bootId: name }, this);
    this.dialer.start();
  }

  get link(): TrunkLink {
    const { link } = this.dialer;
    if (link === undefined) throw new Error('the trunk is down');
    return link;
  }

  /** The events since the last call. */
  take(): GateEvent[] {
    return this.events.splice(0);
  }

  /** The events of one slot since the last `take`. */
  of(slot: number): GateEvent[] {
    return this.events.filter((event) => event.slot === slot);
  }

  login(slot: number, serial: number, connect: Partial<ConnectBody>, remoteAddress = '127.0.0.1'): void {
    const body = this.#body((writer) => writeConnectBody(writer, { ...CONNECT, ...connect }));
    writeLogin(this.link.writer, slot, serial, remoteAddress, body, 0, body.length);
    this.link.touch();
  }

  forward(slot: number, serial: number, command: number, requestId: number, body: Buffer): void {
    writeForward(this.link.writer, slot, serial, command, requestId, body, 0, body.length);
    this.link.touch();
  }

  send(slot: number, serial: number, requestId: number, send: Partial<SendBody> & { text?: string }): void {
    this.forward(slot, serial, Command.Send, requestId, this.#sendBody(requestId, send));
  }

  /** As a gate does for a session that another logic owns. */
  sendFor(
    slot: number,
    serial: number,
    requestId: number,
    sender: Partial<ConnectBody>,
    send: Partial<SendBody> & { text?: string },
  ): void {
    this.forwardFor(slot, serial, requestId, sender, this.#sendBody(requestId, send));
  }

  forwardFor(slot: number, serial: number, requestId: number, sender: Partial<ConnectBody>, body: Buffer): void {
    const { app, uid, deviceType, deviceId, capabilities } = { ...CONNECT, ...sender };
    const identity = [app, uid, deviceType, deviceId].join('\0');
    const { writer } = this.link;
    writeForwardFor(writer, slot, serial, identity, 1, capabilities, Command.Send, requestId, body, 0, body.length);
    this.link.touch();
  }

  sync(slot: number, serial: number, requestId: number, sync: SyncBody): void {
    const bytes = this.#body((writer) => writeSyncBody(writer, sync));
    this.forward(slot, serial, Command.Sync, requestId, bytes);
  }

  position(what: 'cursor' | 'repush', slot: number, serial: number, epoch: number, seq: number): void {
    const command = what === 'cursor' ? TrunkCommand.Cursor : TrunkCommand.Repush;
    writePosition(this.link.writer, command, slot, serial, epoch, seq);
    this.link.touch();
  }

  closed(slot: number, serial: number, epoch = 0, ackedSeq = 0, reason: CloseReason = CloseReason.Normal): void {
    writeClosed(this.link.writer, slot, serial, reason, epoch, ackedSeq);
    this.link.touch();
  }

  register(slot: number, serial: number, frame: Partial<RegisterFrame>): void {
    const loggedInAtS = Math.floor(this.#clock.wallMs() / 1000);
    const whole = { ...CONNECT, generation: 0, ackedSeq: 0, epoch: 1, loggedInAtS, ...frame };
    writeRegister(this.link.writer, slot, serial, whole);
    this.link.touch();
  }

  apiPush(requestId: number, push: Partial<ApiPushFrame> & { text?: string }): void {
    const { text = 'news', ...fields } = push;
    const frame = {
      app: 'demo',
      from: '',
      to: 'bob',
      clientMsgId: `p${requestId}`,
      payload: Buffer.from(text),
      ...fields,
    };
    writeApiPush(this.link.writer, requestId, frame);
    this.link.touch();
  }

  apiKick(requestId: number, kick: Partial<ApiKickFrame>): void {
    const whole = {
      app: 'demo',
      uid: 'alice',
      deviceType: '',
      deviceId: '',
      revoke: false,
      revokeBeforeMs: 0,
      ...kick,
    };
    writeApiKick(this.link.writer, requestId, whole);
    this.link.touch();
  }

  apiSessions(requestId: number, uid: string, app = 'demo'): void {
    writeApiSessions(this.link.writer, requestId, { app, uid });
    this.link.touch();
  }

  reauth(slot: number, serial: number, requestId: number, credential: string): void {
    const bytes = this.#body((writer) => writeReauthBody(writer, { credential }));
    this.forward(slot, serial, Command.Reauth, requestId, bytes);
  }

  onUp(): void {}

  onDown(): void {}

  onFrame(_link: TrunkLink, command: number, slot: number, bytes: Buffer, start: number, end: number): boolean {
    if (command === TrunkCommand.Owned) {
      const owned = readOwned(bytes, start, end);
      if (owned !== undefined) this.owned.push(owned);
      return owned !== undefined;
    }
    const api = API_ANSWERS[command];
    if (api === undefined) return dispatchToGate(this, command, slot, bytes, start, end);
    const frame = api.read(bytes, start, end);
    if (frame !== undefined) this.events.push({ what: api.what, slot, ...frame });
    return frame !== undefined;
  }

  onLoginAccepted(slot: number, serial: number, frame: LoginAcceptedFrame): void {
    this.events.push({ what: 'accepted', slot, serial, ...frame });
  }

  onLoginRefused(slot: number, serial: number, reason: number, retryAfterMs: number): void {
    this.events.push({ what: 'refused', slot, serial, reason, retryAfterMs });
  }

  onReply(
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    epoch: number,
    ackedSeq: number,
    pushedSeq: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const window = { epoch, ackedSeq, pushedSeq };
    const body = bodyOf(command, Buffer.from(bytes.subarray(start, end)));
    this.events.push({ what: 'reply', slot, serial, command, requestId, window, body });
  }

  onPush(slot: number, serial: number, epoch: number, seq: number, bytes: Buffer, start: number, end: number): void {
    const body = bodyOf(Command.Message, Buffer.from(bytes.subarray(start, end)));
    this.events.push({ what: 'push', slot, serial, epoch, seq, body });
  }

  onMulticast(): void {}

  onHead(slot: number, serial: number, epoch: number, head: number): void {
    this.events.push({ what: 'head', slot, serial, epoch, head });
  }

  onResync(slot: number, serial: number, epoch: number, floor: number, head: number): void {
    this.events.push({ what: 'resync', slot, serial, epoch, floor, head });
  }

  onEndGuest(slot: number, serial: number, reason: number): void {
    this.events.push({ what: 'endGuest', slot, serial, reason });
  }

  onEndSession(slot: number, serial: number, reason: number, kick: boolean, deviceType: string): void {
    this.events.push({ what: 'end', slot, serial, reason, kick, deviceType });
  }

  #sendBody(requestId: number, send: Partial<SendBody> & { text?: string }): Buffer {
    const { text = 'hi', ...fields } = send;
    const payload = Buffer.from(text);
    const body = { target: 'bob', targetType: 0, clientMsgId: `m${requestId}`, flags: 0, payload, ...fields };
    return this.#body((writer) => writeSendBody(writer, body));
  }

  #body(write: (writer: MessagePackWriter) => void): Buffer {
    this.#writer.reset();
    write(this.#writer);
    return this.#writer.copy();
  }
}

/** The decoded body, with payloads as text. */
function bodyOf(command: number, bytes: Buffer): unknown {
  const end = bytes.length;
  if (command === Command.Sendack) return readSendack(bytes, 0, end);
  if (command === Command.Error) return readError(bytes, 0, end);
  if (command === Command.Reauthack) return readReauthack(bytes, 0, end);
  if (command === Command.Message) return withText(readMessage(bytes, 0, end));
  if (command === Command.Syncack) {
    const page = readSyncack(bytes, 0, end);
    return page && { ...page, messages: page.messages.map(withText) };
  }
  return bytes;
}

function withText<Body extends { readonly payload: Uint8Array }>(body: Body | undefined): object | undefined {
  if (body === undefined) return undefined;
  const { payload, ...rest } = body;
  return { ...rest, text: Buffer.from(payload).toString() };
}

/** Fields of an event by name, those of its client body included. */
export function fieldsOf(event: GateEvent | undefined, ...names: string[]): unknown[] {
  const all: Readonly<Record<string, unknown>> = { ...event, ...(event?.['body'] as object | undefined) };
  return names.map((name) => all[name]);
}
