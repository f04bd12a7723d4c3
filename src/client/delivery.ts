/**
 * Hands messages to the application, one at a time and in order: to handlers, or to one `for await` loop.
 *
 * A message is taken when every handler's promise has resolved, or when the loop asks for the next one; then it is
 * recorded before anything else is handed on. A failed message stays at the head and is given again after a back-off.
 *
 *   queue: [ head | … | … ]     head = in hand until it is recorded, or dropped because it is known already
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import { HandlerError } from './errors.ts';
import type { Message } from './message.ts';
import { fullJitterMs } from './reconnect-policy.ts';

export type MessageHandler = (message: Message) => void | Promise<void>;

export interface DeliveryOwner {
  /** True for a message that the application has taken before: it is recorded, not shown. */
  isKnown(message: Message): boolean;
  /** Records that the application has taken it. Never rejects. */
  taken(message: Message): Promise<void>;
  failed(error: HandlerError): void;
}

const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;

export class Delivery {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #owner: DeliveryOwner;
  readonly #handlers = new Set<MessageHandler>();
  #queue: Message[] = [];
  #phase: 'open' | 'resting' | 'closed' = 'open';
  /** The handlers' work on the head; undefined when they have none. */
  #handling: Promise<void> | undefined;
  #iterating = false;
  /** Records what the loop has taken. */
  #finishing: Promise<void> | undefined;
  #wakeIterator: (() => void) | undefined;
  #failures = 0;
  #retryTimer: TimerHandle | undefined;

  constructor(clock: Clock, random: Random, owner: DeliveryOwner) {
    this.#clock = clock;
    this.#random = random;
    this.#owner = owner;
  }

  push(message: Message): void {
    this.#queue.push(message);
    this.#wakeIterator?.();
    this.#step();
  }

  /** Forgets what has not been handed on. */
  clear(): void {
    this.#queue = [];
  }

  /** Answers how to take the handler away again. */
  addHandler(handler: MessageHandler): () => void {
    if (this.#iterating) throw new Error('messages() is in use: handlers and for await exclude each other');
    this.#handlers.add(handler);
    this.#step();
    return () => this.#handlers.delete(handler);
  }

  /** The message that the loop leaves on (by `break` or an error) is not taken, and comes again. */
  async *messages(): AsyncGenerator<Message, void, void> {
    if (this.#iterating || this.#handlers.size > 0) throw new Error('the messages have a consumer already');
    this.#iterating = true;
    try {
      for (;;) {
        const message = await this.#nextUnknown();
        if (message === undefined) return;
        yield message;
        this.#finishing = this.#finish(message);
        await this.#finishing;
      }
    } finally {
      this.#iterating = false;
      this.#step();
    }
  }

  /** Hands nothing more on; resolves when what the handlers have in hand, or the loop has taken, is recorded. */
  async close(): Promise<void> {
    this.#phase = 'closed';
    if (this.#retryTimer !== undefined) this.#clock.clearTimer(this.#retryTimer);
    this.#wakeIterator?.();
    await Promise.all([this.#handling, this.#finishing]);
  }

  #step(): void {
    const message = this.#queue[0];
    const busy = this.#handling !== undefined || this.#phase !== 'open' || this.#handlers.size === 0;
    if (message === undefined || busy) return;
    this.#handling = this.#handle(message).finally(() => {
      this.#handling = undefined;
      this.#step();
    });
  }

  async #handle(message: Message): Promise<void> {
    if (!this.#owner.isKnown(message)) {
      try {
        await Promise.all([...this.#handlers].map(async (handler) => handler(message)));
      } catch (error) {
        this.#rest(new HandlerError(message.messageId, error));
        return;
      }
    }
    this.#failures = 0;
    await this.#finish(message);
  }

  #rest(error: HandlerError): void {
    if (this.#phase === 'open') {
      this.#phase = 'resting';
      const delayMs = fullJitterMs(this.#random, this.#failures, RETRY_BASE_MS, RETRY_CAP_MS);
      this.#retryTimer = this.#clock.setTimer(() => {
        this.#phase = 'open';
        this.#step();
      }, delayMs);
    }
    this.#failures += 1;
    this.#owner.failed(error);
  }

  async #nextUnknown(): Promise<Message | undefined> {
    while (this.#phase !== 'closed') {
      const message = this.#queue[0];
      if (message === undefined) await this.#arrival();
      else if (this.#owner.isKnown(message)) await this.#finish(message);
      else return message;
    }
    return undefined;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeIterator = () => {
        this.#wakeIterator = undefined;
        resolve();
      };
    });
  }

  #finish(message: Message): Promise<void> {
    if (this.#queue[0] === message) this.#queue.shift();
    return this.#owner.taken(message);
  }
}
