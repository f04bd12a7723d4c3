/**
 * Gives the entries of a page to the partition's lane and waits until all are ended there.
 *
 *   push ─► StreamAppend ─► stored, and the entry gone, in one commit        wrong ─► BuryItem ─► dead letters, with the reason
 *   copy ─► CopyItem ────► likewise
 *
 * What the store refuses is submitted again, in order, before anything else. What fails by an error stays unended for another
 * try, and so does everything behind it.
 */
import { type Clock, delay } from '../clock/clock.ts';
import type { AppId, Epoch, PartitionNumber, Seq, Uid } from '../model/ids.ts';
import { partitionOf } from '../model/partition.ts';
import { ERROR_CODE_NAMES, ErrorCode } from '../protocol/index.ts';
import type { RedisReply } from '../store/redis/client.ts';
import type { PartitionKeys } from '../store/redis/keys.ts';
import { type BuryItem, type CopyItem, InternalType } from '../store/redis/lane-item.ts';
import { decodeRecord, recordMessageId } from '../store/redis/message-record.ts';
import { AppendStatus, type Operation, type StoredMessage } from '../store/store.ts';
import type { BusCounters } from './bus-counters.ts';
import { decodeCopyEntry } from './copy-entry.ts';
import { decodePushEntry, type PushEntry } from './push-entry.ts';
import { type AppendReader, StreamAppend } from './stream-append.ts';

/** What the consumers need of the store. */
export interface StreamStore {
  submit(operation: Operation): void;
  take(partition: PartitionNumber, item: CopyItem | BuryItem): boolean;
}

/** What a logic knows about entries. */
export interface StreamHost {
  /** Who a push comes from that names nobody. */
  readonly systemSender: Uid;
  /** 0, or why the push can never be stored. */
  faultOf(push: PushEntry): ErrorCode | 0;
  /** A sender's copy has its place in the sender's timeline. */
  copied(app: AppId, epoch: Epoch, message: StoredMessage): void;
}

export interface EntryHandlerOptions {
  readonly clock: Clock;
  readonly store: StreamStore;
  readonly host: StreamHost;
  readonly counters: BusCounters;
  readonly partitions: number;
  readonly deadLettersMax: number;
  /** An entry became a dead letter. */
  readonly onBuried: (entryId: string, reason: string) => void;
  /** Reading or handling failed by somebody's fault: of the set-up, or ours. */
  readonly onFault: (error: unknown) => void;
}

/** Id; names and values, null for an entry that was tried too often; how often it was given to an owner. */
export type Entry = readonly [id: Buffer, strings: RedisReply[] | null, deliveries: number];

export interface Page {
  readonly more: boolean;
  readonly pushes: readonly Entry[];
  readonly copies: readonly Entry[];
}

const REFUSED_MS_MIN = 20;
const REFUSED_MS_MAX = 1000;

export class EntryHandler implements AppendReader {
  readonly #partition: PartitionNumber;
  readonly #keys: PartitionKeys;
  readonly #options: EntryHandlerOptions;
  #isOpen = true;
  /** Entries in the lane. */
  #underWay = 0;
  #settle: (() => void) | undefined;
  #refused: StreamAppend[] = [];
  /** Why the entry that was tried last failed. */
  #failure = '';

  constructor(partition: PartitionNumber, keys: PartitionKeys, options: EntryHandlerOptions) {
    this.#partition = partition;
    this.#keys = keys;
    this.#options = options;
  }

  /** Resolves when every entry is ended or left; false when some are left for another try. */
  async give(page: Page): Promise<boolean> {
    const { clock, store } = this.#options;
    // Counts as under way itself, so that nothing settles before everything is given.
    this.#underWay = 1;
    for (const entry of page.copies) this.#giveCopy(entry);
    const isWhole = page.pushes.every((entry) => this.#tryPush(entry));
    this.#ended();
    await this.#settled();
    for (let pauseMs = REFUSED_MS_MIN; this.#refused.length > 0; pauseMs = Math.min(pauseMs * 2, REFUSED_MS_MAX)) {
      await delay(clock, pauseMs);
      const again = this.#refused.splice(0);
      this.#underWay = again.length;
      for (const append of again) store.submit(append);
      await this.#settled();
    }
    return isWhole;
  }

  /** The partition is owned elsewhere: what is under way is the next owner's. */
  end(): void {
    this.#isOpen = false;
    this.#refused = [];
    this.#settle?.();
  }

  committed(append: StreamAppend): void {
    const { counters } = this.#options;
    if (append.status === AppendStatus.Conflict) {
      this.#bury(this.#keys.pushEntries, append.entryId, 1, ERROR_CODE_NAMES[ErrorCode.Conflict]!);
    } else if (append.status === AppendStatus.Stored) counters.pushesStored++;
    else counters.pushesRepeated++;
    this.#ended();
  }

  refused(append: StreamAppend): void {
    this.#options.counters.entriesRefused++;
    if (this.#isOpen) this.#refused.push(append);
    this.#ended();
  }

  /** False: it failed, and what follows must not overtake it. */
  #tryPush(entry: Entry): boolean {
    try {
      this.#givePush(entry);
      return true;
    } catch (error) {
      this.#failure = String(error);
      this.#options.onFault(error);
      return false;
    }
  }

  #givePush([id, strings, deliveries]: Entry): void {
    const { host, store } = this.#options;
    const entryId = String(id);
    const push = strings === null ? undefined : decodePushEntry(strings, entryId);
    const reason = this.#reasonAgainst(push);
    if (reason !== '') {
      this.#bury(this.#keys.pushEntries, entryId, deliveries, reason);
      return;
    }
    const { from } = push as PushEntry;
    const append = new StreamAppend(this, entryId, push as PushEntry, from === '' ? host.systemSender : from);
    this.#underWay++;
    store.submit(append);
  }

  /** Why the entry cannot be stored; '' when it can. */
  #reasonAgainst(push: PushEntry | string | undefined): string {
    if (push === undefined) return `GIVEN_UP: ${this.#failure === '' ? 'no owner ended it' : this.#failure}`;
    if (typeof push === 'string') return `BAD_ENTRY: ${push}`;
    const { host, partitions } = this.#options;
    if (partitionOf(push.app, push.to, partitions) !== this.#partition) return 'WRONG_PARTITION';
    const fault = host.faultOf(push);
    return fault === 0 ? '' : ERROR_CODE_NAMES[fault]!;
  }

  #giveCopy([id, strings, deliveries]: Entry): void {
    const { host, store, counters, partitions } = this.#options;
    const entryId = String(id);
    const copy = strings === null ? undefined : decodeCopyEntry(strings);
    if (copy === undefined || partitionOf(copy.app, copy.uid, partitions) !== this.#partition) {
      const reason = strings === null ? 'GIVEN_UP: no owner ended it' : 'BAD_ENTRY: no copy';
      this.#bury(this.#keys.copyEntries, entryId, deliveries, reason);
      return;
    }
    const { app, uid, record } = copy;
    const placed = (seq: Seq, epoch: Epoch): void => {
      if (seq !== 0) {
        counters.copiesMade++;
        host.copied(app, epoch, decodeRecord(record, seq));
      }
      this.#ended();
    };
    const messageId = recordMessageId(record);
    const item = { type: InternalType.Copy, app, uid, messageId, record, entryId, placed, handedOver: () => undefined };
    if (store.take(this.#partition, item)) this.#underWay++;
  }

  #bury(stream: string, entryId: string, deliveries: number, reason: string): void {
    const { store, counters, deadLettersMax, onBuried } = this.#options;
    const buried = (isBuried: boolean): void => {
      if (isBuried) {
        counters.noteBuried(reason.split(':', 1)[0]!);
        onBuried(entryId, reason);
      }
      this.#ended();
    };
    const item = { type: InternalType.Bury, stream, entryId, reason, deliveries, deadLettersMax, buried };
    if (store.take(this.#partition, item)) this.#underWay++;
  }

  #ended(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#settle?.();
  }

  #settled(): Promise<void> {
    if (this.#underWay <= 0 || !this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }
}
