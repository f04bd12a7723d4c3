/** The entry of a sender's copy. Only logics write it, into a stream of its own; its form is nobody else's business. */
import { type AppId, isIdentifier, type Uid } from '../model/ids.ts';
import type { RedisReply } from '../store/redis/client.ts';
import type { CopyItem } from '../store/redis/lane-item.ts';

export interface CopyEntry {
  readonly app: AppId;
  /** The sender: whose timeline gets the copy. */
  readonly uid: Uid;
  /** As in a timeline. */
  readonly record: Buffer;
}

export function encodeCopyEntry({ app, uid, record }: CopyItem): (string | Buffer)[] {
  return ['u', `${app}/${uid}`, 'r', record];
}

/** Undefined for what no logic has written. */
export function decodeCopyEntry(strings: readonly RedisReply[]): CopyEntry | undefined {
  const [u, owner, r, record] = strings;
  if (strings.length !== 4 || String(u) !== 'u' || String(r) !== 'r') return undefined;
  const [app = '', uid = '', rest] = String(owner).split('/');
  const isWhole = rest === undefined && isIdentifier(app) && isIdentifier(uid);
  return isWhole ? { app: app as AppId, uid: uid as Uid, record: record as Buffer } : undefined;
}
