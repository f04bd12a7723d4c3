/** Typed events. Watching only: nothing here acknowledges or delays anything. */
import type { SendError } from './errors.ts';
import type { SeqRange } from './receive-cursor.ts';
import type { Receipt } from './send-types.ts';

export interface ClientEvents {
  /** Logged in. */
  connected: {
    readonly generation: number;
    readonly epoch: number;
    readonly head: number;
    readonly serverTimeMs: number;
  };
  /** A connection, or an attempt at one, has ended; the next one starts after `retryInMs` (undefined: none will). */
  disconnected: {
    readonly reason: number;
    readonly reasonName: string;
    readonly detail: string;
    readonly retryInMs: number | undefined;
  };
  /** Messages of these seqs were trimmed on the server before this device could read them. */
  gap: SeqRange;
  /** The timeline has a new epoch; what it holds is read again, what is known is dropped. */
  resync: { readonly epoch: number; readonly floor: number; readonly head: number };
  /** The session has ended for good; 'stopped' follows. */
  kicked: { readonly reason: number; readonly reasonName: string; readonly deviceType: string };
  /** No further attempt is made until `connect()` is called again. */
  stopped: { readonly reason: number; readonly reasonName: string; readonly detail: string };
  /** The server has stored a message, also one that an earlier run of this program left unsent. */
  sent: Receipt;
  /** A message was refused for good, also one of an earlier run. */
  refused: SendError;
  /** Something went wrong that the client goes on from by itself. */
  error: Error;
}

type Listener<Event> = (event: Event) => void;

export class EventHub {
  readonly #listeners = new Map<keyof ClientEvents, Set<Listener<never>>>();

  /** Answers how to stop listening. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** A listener that throws is a fault of the program: it surfaces as uncaught, and harms no one here. */
  emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<ClientEvents[Name]>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
