/**
 * Puts pushes of the business into the streams of their targets' partitions, for processes that own no partitions. A push that is
 * in its stream is stored later by the partition's owner, also when no logic runs now.
 */
import { type Clock, delay } from '../clock/clock.ts';
import type { Durability } from '../model/durability.ts';
import type { AppId, PartitionNumber } from '../model/ids.ts';
import { partitionOf } from '../model/partition.ts';
import type { RedisClient } from '../store/redis/client.ts';
import type { StoreKeys } from '../store/redis/keys.ts';
import { checkServers } from '../store/redis/server-check.ts';
import { MigrationState, readMeta } from '../store/redis/store-meta.ts';
import { AddOutcome, EntryWriter } from './entry-writer.ts';
import { encodePushEntry, type PushFields } from './push-entry.ts';

const RETRY_MS = 500;

export interface PushQueueOptions {
  readonly clock: Clock;
  readonly client: RedisClient;
  readonly keys: StoreKeys;
  /** Entries of one partition beyond which pushes are refused. */
  readonly backlogMax: number;
  readonly knowsApp: (app: string) => boolean;
  /** Why the queue is not open yet. */
  readonly onFault: (error: unknown) => void;
}

interface OpenFacts {
  readonly partitions: number;
  readonly durability: Durability;
}

export class PushQueue {
  readonly #options: PushQueueOptions;
  readonly #writer: EntryWriter;
  #facts: OpenFacts | undefined;
  #isStopped = false;
  outstanding = 0;
  added = 0;
  /** Refused because too many wait already. */
  refusedFull = 0;

  constructor(options: PushQueueOptions) {
    const { clock, client, keys, backlogMax } = options;
    this.#options = options;
    const streamOf = (partition: PartitionNumber): string => keys.partition(partition).pushEntries;
    this.#writer = new EntryWriter({ clock, client, streamOf, entriesMax: backlogMax });
  }

  /** Opens as soon as Redis is there and a logic has made the store; pushes are refused until then. */
  start(): void {
    void this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.client.close();
  }

  /** The level at which queued pushes are kept; undefined while the queue is not open. */
  get durability(): Durability | undefined {
    return this.#facts?.durability;
  }

  knowsApp(app: string): boolean {
    return this.#options.knowsApp(app);
  }

  /** In order for each target; resolves always. */
  add(push: PushFields): Promise<AddOutcome> {
    if (this.#facts === undefined) return Promise.resolve(AddOutcome.NotAdded);
    const partition = partitionOf(push.app as AppId, push.to, this.#facts.partitions);
    this.outstanding++;
    return new Promise((resolve) => {
      this.#writer.add(partition, encodePushEntry(push), (outcome) => {
        this.outstanding--;
        if (outcome === AddOutcome.Added) this.added++;
        if (outcome === AddOutcome.Full) this.refusedFull++;
        resolve(outcome);
      });
    });
  }

  async #open(): Promise<void> {
    const { clock, client, keys, onFault } = this.#options;
    while (!this.#isStopped && this.#facts === undefined) {
      try {
        await client.connect();
        const meta = await readMeta(client, keys.meta);
        const { durability } = await checkServers(client, true);
        const isStore = meta !== undefined && meta.migration?.state !== MigrationState.Copying;
        if (isStore) this.#facts = { partitions: meta.partitions, durability };
      } catch (error) {
        if (!this.#isStopped) onFault(error);
      }
      if (this.#facts === undefined) await delay(clock, RETRY_MS);
    }
  }
}
