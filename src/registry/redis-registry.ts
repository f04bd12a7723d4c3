/**
 * The registry in Redis. One call for an announcement, one for a list; an entry costs about 200 bytes there.
 *
 *   sluice:{registry}gates, …logics             ids by the end of their lease (sorted set)
 *   sluice:{registry}gates/entries, …           their entries (hash of JSON)
 */
import type { RedisClient, RedisReply } from '../store/redis/client.ts';
import { type EntryKind, writeEntry } from './entry-text.ts';
import type { Listed, Registry, RegistryEntry } from './registry.ts';
import { ANNOUNCE_ENTRY, LIST_ENTRIES, WITHDRAW_ENTRY } from './registry-scripts.ts';

export class RedisRegistry<Entry extends RegistryEntry> implements Registry<Entry> {
  readonly #client: RedisClient;
  readonly #keys: readonly [leases: string, entries: string];
  readonly #kind: EntryKind<Entry>;

  /** @param client has loaded `REGISTRY_SCRIPTS` */
  constructor(client: RedisClient, keyPrefix: string, kind: EntryKind<Entry>) {
    this.#client = client;
    this.#keys = [`${keyPrefix}{registry}${kind.name}`, `${keyPrefix}{registry}${kind.name}/entries`];
    this.#kind = kind;
  }

  async announce(entry: Entry, leaseMs: number): Promise<void> {
    await this.#client.run(ANNOUNCE_ENTRY, this.#keys, [this.#kind.idOf(entry), String(leaseMs), writeEntry(entry)]);
  }

  async withdraw(entry: Entry): Promise<void> {
    await this.#client.run(WITHDRAW_ENTRY, this.#keys, [this.#kind.idOf(entry), entry.bootId]);
  }

  async list(): Promise<Listed<Entry>[]> {
    const { reply } = await this.#client.run(LIST_ENTRIES, this.#keys, []);
    const facts = reply as RedisReply[];
    const listed: Listed<Entry>[] = [];
    for (let at = 0; at + 1 < facts.length; at += 2) {
      const entry = this.#kind.read(String(facts[at + 1]));
      if (entry !== undefined) listed.push({ entry, leftMs: Number(facts[at]) });
    }
    return listed;
  }
}
