/**
 * Puts the sections of several lanes into one call where the servers allow it: not in a cluster, where a call may touch
 * one hash tag.
 */
import { APPLY } from './apply-script.ts';
import type { RedisArgument, RedisClient, RedisReply, ScriptAnswer } from './client.ts';
import type { StoreCounters } from './counters.ts';

/** A batch of one partition. */
export interface CallSection {
  readonly keys: readonly string[];
  readonly args: readonly RedisArgument[];
}

interface Waiting extends CallSection {
  resolve(answer: ScriptAnswer): void;
  reject(error: unknown): void;
}

export class SharedCalls {
  readonly #client: RedisClient;
  /** Wait for replicas after each call. */
  readonly #confirm: boolean;
  readonly #counters: StoreCounters;
  #waiting: Waiting[] = [];

  constructor(client: RedisClient, counters: StoreCounters) {
    this.#client = client;
    this.#counters = counters;
    this.#confirm = client.replicasWanted > 0;
  }

  /** Resolves with the answers of the section; rejects with a RedisCallError. */
  run({ keys, args }: CallSection): Promise<ScriptAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ keys, args, resolve, reject });
      if (this.#client.joinsTags) {
        if (this.#waiting.length === 1) queueMicrotask(this.#send);
      } else this.#send();
    });
  }

  readonly #send = (): void => {
    const sections = this.#waiting;
    this.#waiting = [];
    const keys: string[] = [];
    const args: RedisArgument[] = [String(sections.length)];
    for (const section of sections) {
      for (const key of section.keys) keys.push(key);
      for (const arg of section.args) args.push(arg);
    }
    this.#client.run(APPLY, keys, args, this.#confirm).then(
      ({ reply, replicas }) => {
        this.#counters.calls++;
        const answers = reply as readonly RedisReply[];
        for (const [place, section] of sections.entries())
          section.resolve({ reply: answers[place] as RedisReply, replicas });
      },
      (error: unknown) => {
        for (const section of sections) section.reject(error);
      },
    );
  };
}
