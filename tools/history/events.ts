/**
 * What a history is made of: the events, their fields, and nothing else. Types, memory layout and file format all follow
 * from the one table below.
 *
 *   client        one run of one client program; unique in the whole history, `clientStarted` introduces it
 *   application   what survives the runs: a device with its stored state. Runs count 1, 2, 3 … and give their order
 *   place         (epoch, seq) in the timeline of the client's user
 *
 * Bodies appear as hashes, and a body must be unique per message (put the clientMsgId or a number into it): receivers
 * do not see clientMsgIds, so the body is what ties a receipt to the send that caused it.
 *
 * Nothing here carries a time that anybody compares: order is known within one application only.
 */
type FieldType = 'text' | 'u32' | 'wide' | 'flag';

export const EVENT_FIELDS = {
  /** A back end that only pushes is a client too, with its `from` as uid. */
  clientStarted: { client: 'text', application: 'text', run: 'u32', app: 'text', uid: 'text', device: 'text' },
  clientEnded: { client: 'text', crashed: 'flag' },
  /** Logged in; reading goes on after `after`. */
  sessionStarted: { client: 'text', epoch: 'u32', floor: 'u32', head: 'u32', after: 'u32' },
  /**
   * One attempt. `order`: the message's place among everything that this application sends to this target, the same in
   * a retry that keeps its place. A message that was given up and is sent again later gets a new one. `kind`: 0 from a
   * user, who gets a copy; 1 from a back end.
   */
  sendStarted: {
    client: 'text',
    target: 'text',
    clientMsgId: 'text',
    bodyHash: 'wide',
    order: 'u32',
    kind: 'u32',
  },
  /** Stored. `ownSeq` 0: the place of the sender's copy is not known. */
  sendStored: {
    client: 'text',
    target: 'text',
    clientMsgId: 'text',
    messageId: 'wide',
    dup: 'flag',
    serverTimeMs: 'wide',
    ownEpoch: 'u32',
    ownSeq: 'u32',
  },
  /** Refused for good: certainly not stored by this attempt. */
  sendFailed: { client: 'text', target: 'text', clientMsgId: 'text', reason: 'text' },
  /** Timed out, cut off, or asked to retry: may be stored. */
  sendUnknown: { client: 'text', target: 'text', clientMsgId: 'text' },
  /** On the wire, repeats included. `clientMsgId` is '' except in copies of the user's own messages. */
  received: {
    client: 'text',
    epoch: 'u32',
    seq: 'u32',
    messageId: 'wide',
    from: 'text',
    to: 'text',
    kind: 'u32',
    clientMsgId: 'text',
    bodyHash: 'wide',
  },
  /** Given to the application: once, for ever. */
  delivered: { client: 'text', epoch: 'u32', seq: 'u32', messageId: 'wide' },
  /** Acknowledged to the server, everything up to `seq`. */
  acked: { client: 'text', epoch: 'u32', seq: 'u32' },
  /** The client was told that `from` to `to` are gone. */
  gapReported: { client: 'text', epoch: 'u32', from: 'u32', to: 'u32' },
  resynced: { client: 'text', epoch: 'u32', floor: 'u32', head: 'u32' },
  /**
   * The client holds everything up to the head, and every send of the history had ended before it looked. Only such
   * readers show that something is lost.
   */
  reachedEnd: { client: 'text', epoch: 'u32', seq: 'u32' },
} as const;

type Fields = typeof EVENT_FIELDS;
export type EventName = keyof Fields;

interface FieldValue {
  text: string;
  u32: number;
  /** A whole number below 2^53. */
  wide: number;
  flag: boolean;
}

export type EventOf<Name extends EventName> = { readonly type: Name } & {
  readonly [Field in keyof Fields[Name]]: FieldValue[Fields[Name][Field] & FieldType];
};
export type HistoryEvent = { [Name in EventName]: EventOf<Name> }[EventName];

/** 53 bits, so that some millions of bodies have different ones. Two multiplicative 32-bit hashes side by side. */
export function bodyHash(body: Uint8Array): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const byte of body) {
    high = Math.imul(high ^ byte, 0x9e3779b1);
    low = Math.imul(low ^ byte, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}
