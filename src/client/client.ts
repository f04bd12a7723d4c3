/**
 * A Sluice client: sends in order, receives once and in order, comes back by itself, survives its own death.
 *
 *   application ─▶ send-queue ─┐               ┌─ reconnector ─ connection ─ socket
 *                              ├─ server-link ─┤
 *   application ◀─ inbox ◀─────┘               └─ frame-router ◀─ frames
 *        both halves record what must outlive the program in a `ClientStorage`
 */
import { randomHex } from '../clock/random.ts';
import { isIdentifier } from '../model/ids.ts';
import {
  CLIENT_MSG_ID_BYTES_MAX,
  type ConnackBody,
  ErrorCode,
  type GoawayBody,
  PAYLOAD_BYTES_MAX,
} from '../protocol/index.ts';
import type { Connection } from './connection.ts';
import type { ConnectionState } from './connection-state.ts';
import type { MessageHandler } from './delivery.ts';
import { ConnectError, SendError } from './errors.ts';
import { asError, type ClientEvents, EventHub } from './events.ts';
import { type FrameReceivers, routeFrame } from './frame-router.ts';
import { Inbox } from './inbox.ts';
import type { Message } from './message.ts';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { Reauthenticator } from './reauthenticator.ts';
import { Reconnector, type ReconnectorOwner } from './reconnector.ts';
import { SendQueue } from './send-queue.ts';
import type { OutgoingMessage, Receipt } from './send-types.ts';
import { ServerLink } from './server-link.ts';
import type { CursorPosition, UnsentMessage } from './storage.ts';

const CLIENT_MSG_ID_RANDOM_BYTES = 16;

export class SluiceClient {
  readonly #options: ResolvedOptions;
  readonly #events = new EventHub();
  readonly #inbox: Inbox;
  readonly #sendQueue: SendQueue;
  readonly #reauthenticator: Reauthenticator;
  readonly #reconnector: Reconnector;
  #loading: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** While closing: no reply can come any more. */
  #wentOffline: () => void = () => {};

  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    const { storage, platform, uid } = resolved;
    const shared = { clock: platform.clock, random: platform.random, storage, events: this.#events };
    this.#options = resolved;
    this.#inbox = new Inbox(shared, (from, id) => from === uid && id !== '' && this.#sendQueue.hasSent(id));
    this.#sendQueue = new SendQueue({
      ...shared,
      messagesMax: resolved.queueMessagesMax,
      bytesMax: resolved.queueBytesMax,
      replyTimeoutMs: resolved.replyTimeoutMs,
      onStored: (body) => this.#inbox.onOwnStored(body.messageId, body.ownEpoch, body.ownSeq),
    });
    this.#reauthenticator = new Reauthenticator(
      platform.clock,
      platform.random,
      () => this.#reconnector.freshToken(),
      (error) => this.#events.emit('error', asError(error)),
    );
    this.#reconnector = new Reconnector(resolved, this.#events, this.#reconnectorOwner());
  }

  get state(): ConnectionState {
    return this.#reconnector.state;
  }

  /** Messages that the server has not acknowledged. */
  get unsent(): number {
    return this.#sendQueue.size;
  }

  /** Listens to an event; a listener of 'message' is a handler as with `onMessage`. Answers how to stop. */
  on(name: 'message', handler: MessageHandler): () => void;
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void;
  on(name: 'message' | keyof ClientEvents, listener: (event: never) => void): () => void {
    if (name === 'message') return this.onMessage(listener as MessageHandler);
    return this.#events.on(name, listener as (event: ClientEvents[keyof ClientEvents]) => void);
  }

  /**
   * Resolves at the first CONNACK. Rejects with a StoppedError when the server says not to come back, with a
   * ConnectError after `connectTimeoutMs`, with a StorageError when the stored state cannot be used. Once it has
   * resolved, the client reconnects by itself.
   */
  async connect(): Promise<void> {
    await this.#load();
    await this.#reconnector.connect();
  }

  /**
   * Resolves when the server has stored the message; may be called before `connect`. Rejects with a SendError.
   * Messages to one target keep their order, retries included.
   */
  async send(message: OutgoingMessage): Promise<Receipt> {
    const unsent = this.#prepare(message);
    if (this.#closing === undefined) await this.#load();
    if (this.#closing !== undefined) throw SendError.local('CLOSED', unsent.clientMsgId, false);
    return this.#sendQueue.send(unsent, message.timeoutMs);
  }

  /** Stops trying to send a message. True when the server has certainly never seen it. */
  async cancelSend(clientMsgId: string): Promise<boolean> {
    await this.#load();
    return this.#sendQueue.cancel(clientMsgId);
  }

  /**
   * A message is acknowledged when the promises of all handlers have resolved; when one rejects, all of them get the
   * message again after a back-off. Do not await `close()` in a handler: `close` waits for the handler.
   */
  onMessage(handler: MessageHandler): () => void {
    return this.#inbox.delivery.addHandler(handler);
  }

  /**
   * For `for await`: a message is acknowledged when the next one is asked for; the one on which the loop is left comes
   * again. Ends when the client closes.
   */
  messages(): AsyncGenerator<Message, void, void> {
    return this.#inbox.delivery.messages();
  }

  /** Waits (at most `closeTimeoutMs`) for what is under way, then leaves. Repeated calls share one promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #load(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ConnectError('the client is closed'));
    this.#loading ??= this.#restore().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #restore(): Promise<void> {
    const { storage, app, uid, deviceId } = this.#options;
    const state = await storage.load(`${app}/${uid}/${deviceId}`);
    if (state === undefined) return;
    this.#inbox.restore(state);
    this.#sendQueue.restore(state);
    this.#reconnector.restore(state);
  }

  #prepare(message: OutgoingMessage): UnsentMessage {
    const { to, text, payload } = message;
    if ((text === undefined) === (payload === undefined)) throw new TypeError('give either text or payload');
    const bytes = payload === undefined ? Buffer.from(text as string) : Buffer.from(payload);
    const clientMsgId = message.clientMsgId ?? randomHex(this.#options.platform.random, CLIENT_MSG_ID_RANDOM_BYTES);
    const idBytes = Buffer.byteLength(clientMsgId);
    if (idBytes < 1 || idBytes > CLIENT_MSG_ID_BYTES_MAX) {
      throw SendError.refused(ErrorCode.BadClientMsgId, clientMsgId, '1 to 64 bytes');
    }
    if (!isIdentifier(to)) throw SendError.refused(ErrorCode.BadTarget, clientMsgId, 'not a uid');
    if (bytes.length > PAYLOAD_BYTES_MAX) throw SendError.refused(ErrorCode.PayloadTooLarge, clientMsgId, '');
    return { clientMsgId, to, payload: bytes };
  }

  async #close(): Promise<void> {
    const { clock } = this.#options.platform;
    await this.#loading?.catch(() => {});
    const offline = new Promise<void>((resolve) => {
      this.#wentOffline = resolve;
    });
    this.#reconnector.startClosing();
    const work = Promise.all([this.#inbox.close(), Promise.race([this.#sendQueue.whenEmpty(), offline])]);
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, this.#options.closeTimeoutMs);
      void work.then(() => {
        clock.clearTimer(timer);
        resolve();
      });
    });
    this.#reconnector.finish();
    this.#inbox.detach();
    this.#sendQueue.close();
    await this.#options.storage.close().catch((error) => this.#events.emit('error', asError(error)));
  }

  #reconnectorOwner(): ReconnectorOwner {
    const receivers: FrameReceivers = {
      inbox: this.#inbox,
      sendQueue: this.#sendQueue,
      reauthenticator: this.#reauthenticator,
      onGoaway: (body: GoawayBody) => this.#reconnector.onGoaway(body),
    };
    return {
      position: (): CursorPosition => this.#inbox.position,
      onOnline: (connection, connack, presented) => this.#onOnline(connection, connack, presented),
      onOffline: () => this.#onOffline(),
      onFrame: (command, requestId, bytes, start, end) => routeFrame(receivers, command, requestId, bytes, start, end),
      onDrain: () => this.#sendQueue.pump(),
    };
  }

  #onOnline(connection: Connection, connack: ConnackBody, presented: CursorPosition): void {
    const link = new ServerLink(connection, connack.bodyBytesMax, this.#options.syncLimit);
    if (!this.#options.sendOnly) {
      this.#inbox.online(link, connack, presented);
      this.#reauthenticator.online(link, connack);
    }
    this.#sendQueue.online(link);
  }

  #onOffline(): void {
    this.#inbox.offline();
    this.#reauthenticator.offline();
    this.#sendQueue.offline();
    this.#wentOffline();
  }
}
