/** The entry of a push as services write it: names and values, in any order. See docs/bus.md. */
import { type AppId, type ClientMsgId, isIdentifier, type Uid } from '../model/ids.ts';
import type { RedisReply } from '../store/redis/client.ts';

export interface PushEntry {
  readonly app: AppId;
  readonly to: Uid;
  /** '' when the entry names nobody. */
  readonly from: Uid | '';
  readonly clientMsgId: ClientMsgId;
  readonly payload: Buffer;
}

/** Names that mean something; others are ignored, so that the format can grow. */
const NAMES: readonly string[] = ['app', 'to', 'from', 'id', 'payload'];
const NAMES_MAX = 32;

/** The push, or what is wrong with the entry. */
export function decodePushEntry(strings: readonly RedisReply[], entryId: string): PushEntry | string {
  if (strings.length > NAMES_MAX * 2) return `more than ${NAMES_MAX} names`;
  const values = new Map<string, Buffer>();
  for (let i = 0; i + 1 < strings.length; i += 2) {
    const name = String(strings[i]);
    if (!NAMES.includes(name)) continue;
    if (values.has(name)) return `${name} is there twice`;
    values.set(name, strings[i + 1] as Buffer);
  }
  const payload = values.get('payload');
  if (payload === undefined) return 'payload is missing';
  const app = text(values.get('app'));
  if (app === undefined || !isIdentifier(app)) return 'app is missing or no identifier';
  const to = text(values.get('to'));
  if (to === undefined || !isIdentifier(to)) return 'to is missing or no identifier';
  const from = text(values.get('from') ?? Buffer.alloc(0));
  if (from === undefined || (from !== '' && !isIdentifier(from))) return 'from is no identifier';
  const id = text(values.get('id') ?? Buffer.from(entryId));
  if (id === undefined || id === '') return 'id is empty or no UTF-8';
  return { app: app as AppId, to: to as Uid, from: from as Uid, clientMsgId: id as ClientMsgId, payload };
}

/** A push whose fields are known to be right. */
export interface PushFields {
  readonly app: string;
  readonly to: string;
  readonly from: string;
  readonly clientMsgId: string;
  readonly payload: Uint8Array;
}

export function encodePushEntry(push: PushFields): (string | Buffer)[] {
  const { app, to, from, clientMsgId, payload } = push;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return ['app', app, 'to', to, 'from', from, 'id', clientMsgId, 'payload', bytes];
}

/** Undefined for what is not UTF-8. */
function text(bytes: Buffer | undefined): string | undefined {
  const decoded = bytes?.toString('utf8');
  return decoded !== undefined && Buffer.from(decoded).equals(bytes!) ? decoded : undefined;
}
