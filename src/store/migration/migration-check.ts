/** Compares what is in the target with the source: every user, every readable record, every dedupe row, every fence. */
import type { Clock } from '../../clock/clock.ts';
import type { Epoch, MessageId, PartitionNumber } from '../../model/ids.ts';
import type { RedisClient, RedisReply } from '../redis/client.ts';
import type { PartitionKeys, StoreKeys } from '../redis/keys.ts';
import { retried } from '../redis/retried.ts';
import { MigrationBatch } from './migration-batch.ts';
import { COMPARE } from './migration-scripts.ts';
import { digest, type MigrationSource } from './migration-source.ts';

export interface CheckCounts {
  users: number;
  records: number;
  dedupeRows: number;
  /** Users, dedupe rows and partitions that differ. */
  differences: number;
  /** The first of them, for people. */
  findings: string[];
}

const PAGE_RECORDS = 64;
const FINDINGS_MAX = 20;
/** Partitions that are looked at together. */
const AT_ONCE = 8;
/** Rows that end so soon may end while they are looked at. */
const DEDUPE_SLACK_MS = 60_000;

interface CheckContext {
  readonly clock: Clock;
  readonly client: RedisClient;
}

export class MigrationCheck {
  readonly counts: CheckCounts = { users: 0, records: 0, dedupeRows: 0, differences: 0, findings: [] };
  readonly #source: MigrationSource;
  readonly #context: CheckContext;
  readonly #keys: StoreKeys;
  readonly #epochs: readonly number[];

  constructor(source: MigrationSource, context: CheckContext, keys: StoreKeys, epochs: readonly number[]) {
    this.#source = source;
    this.#context = context;
    this.#keys = keys;
    this.#epochs = epochs;
  }

  async run(): Promise<CheckCounts> {
    const users: number[][] = Array.from({ length: this.#source.partitions }, () => []);
    for (let user = 0; user < this.#source.users; user++)
      users[this.#source.state.directory.partitionOf(user)]!.push(user);
    for (let first = 0; first < users.length; first += AT_ONCE) {
      await Promise.all(users.slice(first, first + AT_ONCE).map((own, i) => this.#partition(first + i, own)));
    }
    await this.#dedupeRows();
    return this.counts;
  }

  async #partition(number: number, users: readonly number[]): Promise<void> {
    const partition = number as PartitionNumber;
    const names = this.#keys.partition(partition);
    const fence = new MigrationBatch(names, 0, 0);
    fence.fence(this.#epochs[number] as Epoch, this.#source.state.lastMessageIds[number] as MessageId);
    await this.#compare(fence, [`partition ${number}`]);
    let batch = new MigrationBatch(names, 0, 0);
    let what: string[] = [];
    for (const user of users) {
      const facts = this.#source.userFacts(user);
      batch.user(facts);
      what.push(`user ${facts.app}/${facts.uid}`);
      this.counts.users++;
      if (facts.length > 0) await this.#records(names, user);
      if (!batch.isFull) continue;
      await this.#compare(batch, what);
      batch = new MigrationBatch(names, 0, 0);
      what = [];
    }
    await this.#compare(batch, what);
  }

  async #records(names: PartitionKeys, user: number): Promise<void> {
    const { app, uid } = this.#source.userFacts(user);
    const list = names.timeline(app, uid);
    let sum = 0;
    for (let first = 0, found = PAGE_RECORDS; found === PAGE_RECORDS; first += PAGE_RECORDS) {
      const range = [list, String(first), String(first + PAGE_RECORDS - 1)];
      const { clock, client } = this.#context;
      const page = (await retried(clock, () => client.call(list, 'LRANGE', range))) as Buffer[];
      for (const record of page) sum = digest(record, sum);
      this.counts.records += page.length;
      found = page.length;
    }
    if (sum !== this.#source.digestOf(user)) this.#differs(`the records of user ${app}/${uid}`);
  }

  async #dedupeRows(): Promise<void> {
    const { directory } = this.#source.state;
    const { clock } = this.#context;
    const names = Array.from({ length: this.#source.partitions }, (_, p) => this.#keys.partition(p as PartitionNumber));
    const batches = names.map((own) => new MigrationBatch(own, 0, 0));
    const full: MigrationBatch[] = [];
    const send = async (batch: MigrationBatch): Promise<void> => this.#compare(batch, undefined);
    await this.#source.walk({
      append: (entry) => {
        if (this.#source.dedupeEndMs(entry.messageId) <= clock.wallMs() + DEDUPE_SLACK_MS) return;
        const partition = directory.partitionOf(entry.target);
        if (batches[partition]!.isFull) {
          full.push(batches[partition]!);
          batches[partition] = new MigrationBatch(names[partition]!, 0, 0);
        }
        const [app, target, sender] = [
          directory.app(entry.target),
          directory.uid(entry.target),
          directory.uid(entry.sender),
        ];
        const key = names[partition]!.dedupe(app, target, sender, entry.clientMsgId);
        batches[partition]!.dedupe(key, this.#source.recordOf(entry), 0);
        this.counts.dedupeRows++;
      },
      pause: async () => {
        await Promise.all(full.splice(0).map(send));
      },
    });
    for (const batch of batches) await send(batch);
  }

  async #compare(batch: MigrationBatch, what: readonly string[] | undefined): Promise<void> {
    if (batch.isEmpty) return;
    const { clock, client } = this.#context;
    const { keys, args } = batch.close(0);
    const { reply } = await retried(clock, () => client.run(COMPARE, keys, args));
    for (const [place, difference] of (reply as RedisReply[]).entries()) {
      if (difference !== 0) this.#differs(what?.[place] ?? 'a dedupe row');
    }
  }

  #differs(what: string): void {
    this.counts.differences++;
    if (this.counts.findings.length < FINDINGS_MAX) this.counts.findings.push(what);
  }
}
