/**
 * Names of everything that is stored. All keys of a partition share its hash tag and so its server. Those of the streams
 * share a beginning, so that one server-side watch covers them; `bus:` alone is for services to write to.
 *
 *   sluice:{meta}                    format, store id, number of partitions (text)
 *   sluice:{logics}                  live logics, by the time at which they count as gone (sorted set)
 *   sluice:{p12}f                    fence: o owner epoch · w holder · u lease ends · v epoch · b last batch ·
 *                                    m last message id · r run id of the server (hash)
 *   sluice:{p12}a                    answers of the last batch, for a repeated call (MessagePack)
 *   sluice:{p12}c                    senders' copies that are still to be made, by message id (hash)
 *   sluice:{p12}y                    apps with messages here (set)
 *   sluice:{p12}g/app                users by their oldest message (sorted set)
 *   sluice:{p12}h/app/uid            head of a timeline (integer)
 *   sluice:{p12}t/app/uid            timeline: the readable messages; the last one has seq = head (list)
 *   sluice:{p12}s/app/uid            devices, generations, tickets, revocation (MessagePack)
 *   sluice:{p12}d/app/uid/from/id    dedupe row: message id and fingerprint (12 bytes, expires)
 *   sluice:{p12}k/messageId          this copy was made (expires)
 *   sluice:{p12}x                    how far a migration has come; gone when it is complete (integer)
 *   sluice:bus:{p12}                 pushes of services (stream; docs/bus.md)
 *   sluice:bus-copies:{p12}          senders' copies from owners of other partitions (stream)
 *   sluice:bus-dead:{p12}            entries that could not be stored, with the reason (stream)
 */
import type { AppId, PartitionNumber, Uid } from '../../model/ids.ts';

export const KEY_PREFIX_DEFAULT = 'sluice:';

export class StoreKeys {
  readonly meta: string;
  readonly logics: string;
  /** What the names of all streams begin with. */
  readonly streams: string;
  readonly #prefix: string;

  constructor(prefix: string = KEY_PREFIX_DEFAULT) {
    this.#prefix = prefix;
    this.meta = `${prefix}{meta}`;
    this.logics = `${prefix}{logics}`;
    this.streams = `${prefix}bus`;
  }

  /** Of all keys of partitions, and of nothing else: a pattern for SCAN. */
  get partitionPattern(): string {
    return `${this.#prefix.replace(/[\\*?[\]]/g, '\\$&')}{p*`;
  }

  partition(number: PartitionNumber): PartitionKeys {
    return new PartitionKeys(this.#prefix, `{p${number}}`);
  }
}

export class PartitionKeys {
  readonly fence: string;
  readonly answers: string;
  readonly copies: string;
  readonly apps: string;
  readonly progress: string;
  readonly pushEntries: string;
  readonly copyEntries: string;
  readonly deadLetters: string;
  readonly #tag: string;

  constructor(prefix: string, hashTag: string) {
    const tag = `${prefix}${hashTag}`;
    this.#tag = tag;
    this.pushEntries = `${prefix}bus:${hashTag}`;
    this.copyEntries = `${prefix}bus-copies:${hashTag}`;
    this.deadLetters = `${prefix}bus-dead:${hashTag}`;
    this.fence = `${tag}f`;
    this.answers = `${tag}a`;
    this.copies = `${tag}c`;
    this.apps = `${tag}y`;
    this.progress = `${tag}x`;
  }

  ages(app: AppId): string {
    return `${this.#tag}g/${app}`;
  }

  head(app: AppId, uid: Uid): string {
    return `${this.#tag}h/${app}/${uid}`;
  }

  timeline(app: AppId, uid: Uid): string {
    return `${this.#tag}t/${app}/${uid}`;
  }

  /** Where the uid begins in the name of a timeline, counted from 1 as Lua does. */
  uidOffset(app: AppId): number {
    return this.#tag.length + app.length + 4;
  }

  sessions(app: AppId, uid: Uid): string {
    return `${this.#tag}s/${app}/${uid}`;
  }

  dedupe(app: AppId, target: Uid, sender: Uid, clientMsgId: string): string {
    return `${this.#tag}d/${app}/${target}/${sender}/${clientMsgId}`;
  }

  copyDone(messageId: number): string {
    return `${this.#tag}k/${messageId}`;
  }
}
