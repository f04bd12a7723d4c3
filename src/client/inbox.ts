/**
 * The receiving half: what the server says about the timeline goes in, messages for the application and acknowledgements
 * for the server come out.
 *
 *   MESSAGE ─┐                    ┌▶ delivery ─▶ application ─▶ taken ─▶ storage ─▶ ACK
 *   SYNCACK ─┼▶ receive-cursor ───┤
 *   SENDACK ─┘                    └▶ gap: sync-puller ─▶ SYNC
 *
 * Nothing is acknowledged that the application has not taken and the storage does not hold: after a crash the server
 * gives again what was in hand, and the storage tells what need not be shown.
 */
import type { Clock } from '../clock/clock.ts';
import { delay } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { ConnackBody, GapBody, MessageBody, PongBody, ResyncBody, SyncackBody } from '../protocol/index.ts';
import { AckBatcher } from './ack-batcher.ts';
import { Delivery } from './delivery.ts';
import { asError, type EventHub } from './events.ts';
import { KnownIds } from './known-ids.ts';
import { Message } from './message.ts';
import { type Offer, ReceiveCursor } from './receive-cursor.ts';
import type { ClientState, ClientStorage, CursorPosition } from './storage.ts';
import { KNOWN_IDS_MAX } from './stored-state.ts';
import { SyncPuller } from './sync-puller.ts';

/** How the inbox speaks to the server while there is a connection. */
export interface InboxLink {
  /** Answers the requestId. */
  sync(epoch: number, after: number): number;
  ack(epoch: number, seq: number): void;
}

export interface InboxPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: ClientStorage;
  readonly events: EventHub;
}

/** More than a window and a page together; what is pushed beyond is dropped and pulled later. */
const PENDING_MAX = 1024;
/** A guess at what a message weighs in the server's window besides its payload. */
const MESSAGE_OVERHEAD_BYTES = 64;
const SAVE_RETRY_MS = 1000;

export class Inbox {
  readonly delivery: Delivery;
  readonly #platform: InboxPlatform;
  /** True for a message of this user that was sent from this device. */
  readonly #sentHere: (from: string, clientMsgId: string) => boolean;
  readonly #cursor = new ReceiveCursor();
  readonly #sync: SyncPuller;
  readonly #acks: AckBatcher;
  #knownIds = new KnownIds<number>(KNOWN_IDS_MAX);
  #saved: CursorPosition = { epoch: 0, seq: 0 };
  #link: InboxLink | undefined;
  /** What the last SYNC asked for. */
  #pulled: CursorPosition = { epoch: 0, seq: 0 };
  /** Largest seq seen on this connection: an ACK beyond it would make no sense to the server. */
  #seenSeq = 0;
  #ackedSeq = 0;
  #closed = false;

  constructor(platform: InboxPlatform, sentHere: (from: string, clientMsgId: string) => boolean) {
    const { clock, random, events } = platform;
    this.#platform = platform;
    this.#sentHere = sentHere;
    this.#acks = new AckBatcher(clock, () => void this.flushAck());
    this.#sync = new SyncPuller(clock, random, {
      mayPull: () => this.#link !== undefined && this.#cursor.pending === 0,
      pull: () => this.#pull(),
    });
    this.delivery = new Delivery(clock, random, {
      isKnown: (message) => this.#knownIds.has(Number(message.messageId)),
      taken: (message) => this.#taken(message),
      failed: (error) => events.emit('error', error),
    });
  }

  restore(state: ClientState): void {
    this.#knownIds = new KnownIds(KNOWN_IDS_MAX, state.knownMessageIds);
    if (state.cursor === undefined) return;
    this.#saved = state.cursor;
    this.#cursor.reset(state.cursor.epoch, state.cursor.seq);
  }

  /** What the application has taken: epoch 0 while nothing is known. */
  get position(): CursorPosition {
    return { epoch: this.#cursor.epoch, seq: this.#cursor.taken };
  }

  /** `presented` is the position that CONNECT told the server. */
  online(link: InboxLink, connack: ConnackBody, presented: CursorPosition): void {
    this.#link = link;
    this.#acks.setWindow(connack.windowMessages, connack.windowBytes);
    if (this.#cursor.epoch === 0) this.#startAt(connack.epoch, connack.cursor);
    else this.#seenSeq = this.#ackedSeq = presented.seq;
    if (connack.epoch !== this.#cursor.epoch || connack.head !== this.#cursor.received) this.#sync.want();
  }

  offline(): void {
    this.#link = undefined;
    this.#sync.reset();
    this.#acks.clear();
  }

  onMessage(body: MessageBody): void {
    if (this.#link === undefined || body.epoch < this.#cursor.epoch) return;
    const fits = body.epoch === this.#cursor.epoch && this.#cursor.pending < PENDING_MAX;
    const verdict = fits ? this.#accept(body) : 'gap';
    if (verdict === 'gap') this.#sync.want();
    // Pushed again although it is taken: the server has missed an ACK.
    if (verdict === 'duplicate' && body.seq <= this.#cursor.taken) {
      this.#ackedSeq = Math.min(this.#ackedSeq, body.seq - 1);
      this.#acks.note(0);
    }
  }

  onHead(epoch: number, head: number): void {
    const isNews = epoch === this.#cursor.epoch ? head > this.#cursor.received : epoch > this.#cursor.epoch;
    if (this.#link !== undefined && isNews) this.#sync.want();
  }

  onPong(body: PongBody): void {
    if (body.known) this.onHead(body.epoch, body.head);
  }

  /** False when the page makes no sense: not of this epoch, not after what was asked for, or with holes. */
  onPage(requestId: number, page: SyncackBody): boolean {
    if (!this.#sync.answered(requestId)) return true;
    const last = page.messages.at(-1);
    if (page.epoch !== this.#cursor.epoch || (last !== undefined && last.seq <= this.#pulled.seq)) return false;
    for (const body of page.messages) if (this.#accept(body) === 'gap') return false;
    if (last === undefined) this.#sync.pump();
    else this.#sync.want();
    return true;
  }

  /** False when it makes no sense: of another epoch, or nothing was asked for below its floor. */
  onGap(requestId: number, gap: GapBody): boolean {
    if (!this.#sync.answered(requestId)) return true;
    if (gap.epoch !== this.#cursor.epoch || gap.floor - 1 <= this.#pulled.seq) return false;
    const lost = this.#cursor.skipTo(gap.floor - 1);
    this.#seenSeq = Math.max(this.#seenSeq, gap.floor - 1);
    this.#acks.note(0);
    if (lost !== undefined) this.#platform.events.emit('gap', lost);
    this.#sync.want();
    return true;
  }

  onResync(requestId: number, resync: ResyncBody): void {
    if (this.#link === undefined) return;
    const asked = this.#sync.answered(requestId) && this.#pulled.epoch === resync.epoch;
    const isRepeated = resync.epoch === this.#cursor.epoch && resync.head >= this.#cursor.received;
    if (!isRepeated || asked) {
      this.#sync.reset();
      this.delivery.clear();
      this.#startAt(resync.epoch, Math.max(0, resync.floor - 1));
      this.#platform.events.emit('resync', { epoch: resync.epoch, floor: resync.floor, head: resync.head });
    }
    this.#sync.want();
  }

  /** True when the error answers a SYNC. */
  onError(requestId: number, retryAfterMs: number): boolean {
    return this.#sync.refused(requestId, retryAfterMs);
  }

  /** A message sent from here is stored; its copy in this user's own timeline stands at `ownSeq` (0: not known). */
  onOwnStored(messageId: number, ownEpoch: number, ownSeq: number): void {
    this.#knownIds.add(messageId);
    if (this.#link === undefined || ownSeq === 0 || ownEpoch !== this.#cursor.epoch) return;
    this.#seenSeq = Math.max(this.#seenSeq, ownSeq);
    this.#cursor.holdOwn(ownSeq);
    if (this.#cursor.taken > this.#ackedSeq) this.#acks.note(MESSAGE_OVERHEAD_BYTES);
  }

  /** Stores and acknowledges what has been taken. */
  async flushAck(): Promise<void> {
    const { epoch, seq } = this.position;
    if (epoch !== this.#saved.epoch || seq > this.#saved.seq) {
      if (!(await this.#save({ epoch, seq }))) return;
    }
    const sendable = Math.min(seq, this.#seenSeq);
    if (this.#link === undefined || epoch !== this.#cursor.epoch || sendable <= this.#ackedSeq) return;
    this.#ackedSeq = sendable;
    this.#link.ack(epoch, sendable);
  }

  /** Hands nothing more on; resolves when the handlers are done and what they took is acknowledged. */
  async close(): Promise<void> {
    await this.delivery.close();
    this.#acks.clear();
    await this.flushAck();
  }

  /** Records nothing more: the storage is about to go. */
  detach(): void {
    this.#closed = true;
    this.offline();
  }

  #startAt(epoch: number, seq: number): void {
    this.#cursor.reset(epoch, seq);
    this.#seenSeq = this.#ackedSeq = seq;
    this.#acks.clear();
    void this.#save({ epoch, seq });
  }

  #accept(body: MessageBody): Offer {
    this.#seenSeq = Math.max(this.#seenSeq, body.seq);
    const verdict = this.#cursor.offer(body.seq, this.#sentHere(body.from, body.clientMsgId));
    if (verdict === 'deliver') this.delivery.push(new Message(body));
    if (verdict === 'own') this.#acks.note(MESSAGE_OVERHEAD_BYTES);
    return verdict;
  }

  #pull(): number {
    this.#pulled = { epoch: this.#cursor.epoch, seq: this.#cursor.received };
    this.#ackedSeq = Math.max(this.#ackedSeq, this.#pulled.seq);
    this.#acks.clear();
    return (this.#link as InboxLink).sync(this.#pulled.epoch, this.#pulled.seq);
  }

  /** A message of a timeline that has been restarted since is remembered, but moves no cursor. */
  async #taken(message: Message): Promise<void> {
    const id = Number(message.messageId);
    const isCurrent = (): boolean =>
      message.epoch === this.#cursor.epoch && message.seq === this.#cursor.oldestPending && !this.#closed;
    const next = (): CursorPosition =>
      isCurrent() ? { epoch: message.epoch, seq: this.#cursor.takenNext } : this.position;
    while (!(await this.#save(next(), id))) {
      if (this.#closed) return;
      await delay(this.#platform.clock, SAVE_RETRY_MS);
    }
    this.#knownIds.add(id);
    if (!isCurrent()) return;
    this.#cursor.take(message.seq);
    this.#acks.note(message.payload.length + MESSAGE_OVERHEAD_BYTES);
    this.#sync.pump();
  }

  async #save(position: CursorPosition, takenMessageId?: number): Promise<boolean> {
    if (this.#closed) return false;
    try {
      await this.#platform.storage.saveCursor(position, takenMessageId);
      this.#saved = position;
      return true;
    } catch (error) {
      this.#platform.events.emit('error', asError(error));
      return false;
    }
  }
}
