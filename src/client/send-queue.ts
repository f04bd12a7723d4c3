/**
 * The sending half: everything that the server has not acknowledged, in one lane per target.
 *
 *   send ─▶ storage ─▶ lane ─▶ in flight (8 a lane, 48 in all) ─▶ SENDACK ─▶ storage ─▶ receipt
 *                       ▲           │
 *                       └─ refusal, no reply in time, new connection: again, under the same clientMsgId
 *
 * A message is stored before it is first sent and forgotten when its outcome is certain, so a killed program sends it in
 * its next run; the server recognises the repetition. Lanes take turns, so that one long lane does not starve the rest.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { type ErrorBody, ErrorCode, RETRYABLE_ERRORS, type SendackBody } from '../protocol/index.ts';
import { SendError } from './errors.ts';
import { asError, type EventHub } from './events.ts';
import { KnownIds } from './known-ids.ts';
import { fullJitterMs } from './reconnect-policy.ts';
import { QueuedMessage, SendLane } from './send-lane.ts';
import { type Receipt, receiptOf } from './send-types.ts';
import { SendWaiters } from './send-waiters.ts';
import type { ClientState, ClientStorage, UnsentMessage } from './storage.ts';
import { KNOWN_IDS_MAX } from './stored-state.ts';

/** How the queue speaks to the server while there is a connection. */
export interface SendLink {
  /** True while the peer is slower than we write. */
  readonly congested: boolean;
  nextRequestId(): number;
  /** False for a message above the size that the server takes on this connection. */
  fits(message: UnsentMessage): boolean;
  send(requestId: number, message: UnsentMessage, restart: boolean): void;
}

export interface SendQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: ClientStorage;
  readonly events: EventHub;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly replyTimeoutMs: number;
  /** A message sent from here has been stored on the server. */
  onStored(body: SendackBody): void;
}

/** The server bounds requests in flight to 64 a connection; SYNC and PING need some of them. */
const IN_FLIGHT_MAX = 48;
const RETRY_BASE_MS = 250;
const RETRY_CAP_MS = 30_000;
/** Codes below are of the retryable kind, also those that this version does not know. */
const PERMANENT_CODES_FIRST = 100;

interface InFlight {
  readonly lane: SendLane;
  readonly entry: QueuedMessage;
  readonly timer: TimerHandle;
}

export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #waiters: SendWaiters;
  readonly #lanes = new Map<string, SendLane>();
  /** Lanes that may have something to send; the next in turn comes first. */
  readonly #ready = new Set<SendLane>();
  readonly #resting = new Map<SendLane, TimerHandle>();
  readonly #entries = new Map<string, QueuedMessage>();
  readonly #inFlight = new Map<number, InFlight>();
  #sentIds = new KnownIds<string>(KNOWN_IDS_MAX);
  #bytes = 0;
  #link: SendLink | undefined;
  readonly #emptied: (() => void)[] = [];

  constructor(options: SendQueueOptions) {
    this.#options = options;
    this.#waiters = new SendWaiters(options.clock);
  }

  /** Everything unacknowledged, stored or in flight. */
  get size(): number {
    return this.#entries.size;
  }

  /** True when this device has sent, or is about to send, a message under this key. */
  hasSent(clientMsgId: string): boolean {
    return this.#sentIds.has(clientMsgId);
  }

  restore(state: ClientState): void {
    this.#sentIds = new KnownIds(KNOWN_IDS_MAX, state.sentIds);
    for (const message of state.unsent) {
      this.#enqueue(message).isStored = true;
      this.#ready.add(this.#lanes.get(message.to) as SendLane);
    }
  }

  /** Rejects with a SendError. A key that is queued already, with the same content, gets the same outcome. */
  async send(message: UnsentMessage, timeoutMs: number | undefined): Promise<Receipt> {
    const id = message.clientMsgId;
    const present = this.#entries.get(id);
    if (present !== undefined) {
      if (!sameMessage(present.message, message)) throw SendError.refused(ErrorCode.Conflict, id, 'queued otherwise');
      return this.#waiters.wait(id, timeoutMs);
    }
    const { messagesMax, bytesMax } = this.#options;
    if (this.#entries.size >= messagesMax || this.#bytes + message.payload.length > bytesMax) {
      throw SendError.local('QUEUE_FULL', id, false);
    }
    const entry = this.#enqueue(message);
    const outcome = this.#waiters.wait(id, timeoutMs);
    void this.#store(entry);
    return outcome;
  }

  /** Sends a message no more. True when the server has certainly never seen it. */
  async cancel(clientMsgId: string): Promise<boolean> {
    const entry = this.#entries.get(clientMsgId);
    if (entry === undefined) return false;
    entry.isCancelled = true;
    if (entry.requestId === 0) this.#lanes.get(entry.message.to)?.remove(entry);
    const neverSent = !entry.wasSent;
    await this.#forget(entry, undefined);
    this.#waiters.reject(SendError.local('CANCELLED', clientMsgId, !neverSent));
    this.#settled();
    return neverSent;
  }

  online(link: SendLink): void {
    this.#link = link;
    this.pump();
  }

  offline(): void {
    this.#link = undefined;
    const { clock } = this.#options;
    for (const { timer } of this.#inFlight.values()) clock.clearTimer(timer);
    for (const timer of this.#resting.values()) clock.clearTimer(timer);
    this.#inFlight.clear();
    this.#resting.clear();
    for (const lane of this.#lanes.values()) {
      for (const entry of lane.entries.filter((each) => each.isCancelled)) lane.remove(entry);
      lane.restart();
      this.#ready.add(lane);
    }
  }

  /** Sends what may be sent. */
  pump(): void {
    for (const lane of this.#ready) {
      if (this.#link === undefined || this.#link.congested || this.#inFlight.size >= IN_FLIGHT_MAX) return;
      this.#ready.delete(lane);
      const entry = lane.next();
      if (entry !== undefined) {
        this.#transmit(this.#link, lane, entry);
        this.#ready.add(lane);
      } else if (lane.entries.length === 0) this.#lanes.delete(lane.target);
    }
  }

  onSendack(requestId: number, body: SendackBody): void {
    const landed = this.#land(requestId);
    if (landed === undefined) return;
    landed.lane.settled(landed.entry, true);
    this.#options.onStored(body);
    void this.#succeed(landed.entry, body);
    this.#afterReply(landed.lane);
  }

  /** True when the error answers a SEND. */
  onError(requestId: number, error: ErrorBody): boolean {
    const landed = this.#land(requestId);
    if (landed === undefined) return false;
    const { lane, entry } = landed;
    if (RETRYABLE_ERRORS.has(error.code) || error.code < PERMANENT_CODES_FIRST) {
      lane.refused(entry, error.retryAfterMs);
    } else {
      lane.settled(entry, false);
      void this.#fail(entry, SendError.refused(error.code, entry.message.clientMsgId, error.detail));
    }
    this.#afterReply(lane);
    return true;
  }

  /** Resolves when nothing is left to be acknowledged. */
  async whenEmpty(): Promise<void> {
    if (this.#entries.size > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve));
  }

  /** The messages stay in the storage; nobody hears of their outcome any more. */
  close(): void {
    this.offline();
    this.#waiters.rejectAll();
  }

  #enqueue(message: UnsentMessage): QueuedMessage {
    const entry = new QueuedMessage(message);
    let lane = this.#lanes.get(message.to);
    if (lane === undefined) {
      lane = new SendLane(message.to);
      this.#lanes.set(message.to, lane);
    }
    lane.entries.push(entry);
    this.#entries.set(message.clientMsgId, entry);
    this.#sentIds.add(message.clientMsgId);
    this.#bytes += message.payload.length;
    return entry;
  }

  async #store(entry: QueuedMessage): Promise<void> {
    const lane = this.#lanes.get(entry.message.to) as SendLane;
    try {
      await this.#options.storage.addUnsent(entry.message);
      entry.isStored = true;
    } catch (error) {
      lane.remove(entry);
      const detail = asError(error).message;
      await this.#fail(entry, SendError.local('STORAGE_FAILED', entry.message.clientMsgId, false, detail));
    }
    this.#ready.add(lane);
    this.pump();
  }

  #transmit(link: SendLink, lane: SendLane, entry: QueuedMessage): void {
    if (!link.fits(entry.message)) {
      lane.remove(entry);
      void this.#fail(entry, SendError.refused(ErrorCode.PayloadTooLarge, entry.message.clientMsgId, ''));
      return;
    }
    const requestId = link.nextRequestId();
    const late = (): void => {
      if (this.#land(requestId) === undefined) return;
      lane.refused(entry, 0);
      this.#afterReply(lane);
    };
    const timer = this.#options.clock.setTimer(late, this.#options.replyTimeoutMs);
    this.#inFlight.set(requestId, { lane, entry, timer });
    link.send(requestId, entry.message, lane.sent(entry, requestId));
  }

  #land(requestId: number): InFlight | undefined {
    const landed = this.#inFlight.get(requestId);
    if (landed === undefined) return undefined;
    this.#inFlight.delete(requestId);
    this.#options.clock.clearTimer(landed.timer);
    return landed;
  }

  #afterReply(lane: SendLane): void {
    if (lane.isResting) this.#rest(lane);
    else this.#ready.add(lane);
    this.pump();
  }

  #rest(lane: SendLane): void {
    const { clock, random } = this.#options;
    const delayMs = lane.retryAfterMs || fullJitterMs(random, lane.refusals, RETRY_BASE_MS, RETRY_CAP_MS);
    const timer = clock.setTimer(() => {
      this.#resting.delete(lane);
      lane.restart();
      this.#ready.add(lane);
      this.pump();
    }, delayMs);
    this.#resting.set(lane, timer);
  }

  async #succeed(entry: QueuedMessage, body: SendackBody): Promise<void> {
    const receipt = receiptOf(entry.message, body);
    await this.#forget(entry, body.messageId);
    this.#waiters.resolve(receipt);
    this.#options.events.emit('sent', receipt);
    this.#settled();
  }

  async #fail(entry: QueuedMessage, error: SendError): Promise<void> {
    await this.#forget(entry, undefined);
    this.#waiters.reject(error);
    this.#options.events.emit('refused', error);
    this.#settled();
  }

  /** The outcome is certain. Where the storage fails, the next run sends it again, which does no harm. */
  async #forget(entry: QueuedMessage, messageId: number | undefined): Promise<void> {
    const { clientMsgId, payload } = entry.message;
    if (!this.#entries.delete(clientMsgId)) return;
    this.#bytes -= payload.length;
    try {
      await this.#options.storage.removeUnsent(clientMsgId, messageId);
    } catch (error) {
      this.#options.events.emit('error', asError(error));
    }
  }

  #settled(): void {
    if (this.#entries.size > 0) return;
    for (const resolve of this.#emptied.splice(0)) resolve();
  }
}

function sameMessage(one: UnsentMessage, other: UnsentMessage): boolean {
  return one.to === other.to && one.payload.equals(other.payload);
}
