/** Who waits for the outcome of a send: none after a restart, several when a caller repeats a clientMsgId. */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { SendError } from './errors.ts';
import type { Receipt } from './send-types.ts';

interface Waiter {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: Error) => void;
  readonly timer: TimerHandle | undefined;
}

export class SendWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcome of `clientMsgId`; rejects with TIMEOUT after `timeoutMs`, which changes nothing about the message. */
  wait(clientMsgId: string, timeoutMs: number | undefined): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.#waiters.get(clientMsgId)?.delete(waiter);
        reject(SendError.local('TIMEOUT', clientMsgId, true));
      };
      const timer = timeoutMs === undefined ? undefined : this.#clock.setTimer(late, timeoutMs);
      const waiter: Waiter = { resolve, reject, timer };
      const waiters = this.#waiters.get(clientMsgId) ?? new Set();
      this.#waiters.set(clientMsgId, waiters.add(waiter));
    });
  }

  resolve(receipt: Receipt): void {
    for (const waiter of this.#remove(receipt.clientMsgId)) waiter.resolve(receipt);
  }

  reject(error: SendError): void {
    for (const waiter of this.#remove(error.clientMsgId)) waiter.reject(error);
  }

  /** Nobody will hear of any outcome any more. */
  rejectAll(): void {
    for (const id of [...this.#waiters.keys()]) this.reject(SendError.local('CLOSED', id, true));
  }

  #remove(clientMsgId: string): Set<Waiter> {
    const waiters = this.#waiters.get(clientMsgId) ?? new Set();
    this.#waiters.delete(clientMsgId);
    for (const waiter of waiters) if (waiter.timer !== undefined) this.#clock.clearTimer(waiter.timer);
    return waiters;
  }
}
