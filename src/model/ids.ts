/**
 * The identifiers that must never be swapped for one another, as branded types. At run time they are plain strings and
 * numbers; the brand costs nothing.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A tenant. Everything is keyed by it first. */
export type AppId = Branded<string, 'AppId'>;
/** A user within an app. */
export type Uid = Branded<string, 'Uid'>;
/** One installation of a client; cursors are kept for each. */
export type DeviceId = Branded<string, 'DeviceId'>;
/** What kind of device ("phone", "desktop"); the kick policy works on it. */
export type DeviceType = Branded<string, 'DeviceType'>;
/** The sender's idempotency key, 1–64 bytes of UTF-8. */
export type ClientMsgId = Branded<string, 'ClientMsgId'>;
/**
 * Names one message within an app and grows with time; see `message-id.ts` for its shape. Always below 2^53, so a
 * double holds it exactly; in JSON it is a decimal string.
 */
export type MessageId = Branded<number, 'MessageId'>;
/** A message's place in one user's timeline: 1, 2, 3 … without gaps within an epoch. */
export type Seq = Branded<number, 'Seq'>;
/** Qualifies `Seq`: rises when a store cannot vouch for the seqs it handed out before. u32. */
export type Epoch = Branded<number, 'Epoch'>;
/** Decides which session of a user is current; committed before CONNACK. Grows per user. */
export type Generation = Branded<number, 'Generation'>;
/** 0 ≤ partition < partitions of the store. */
export type PartitionNumber = Branded<number, 'PartitionNumber'>;

const IDENTIFIER = /^[A-Za-z0-9._:@-]+$/;

/** Byte lengths of the identifiers; the same numbers stand in `protocol-spec/protocol.json`. */
export const IDENTIFIER_BYTES_MAX = 64;

/** True for an app id, uid, device id or device type: 1–64 characters of `A-Z a-z 0-9 . _ : @ -`. */
export function isIdentifier(text: string): boolean {
  return text.length >= 1 && text.length <= IDENTIFIER_BYTES_MAX && IDENTIFIER.test(text);
}
