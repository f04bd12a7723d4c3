/**
 * The text of tickets: `slt1_` and base64url of family (8 bytes) and secret (32 random bytes). It has no dot, so it is
 * never taken for a token. What the store keeps of it is its key: see `src/store/ticket-rules.ts`.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../clock/random.ts';
import { TICKET_FAMILY_BYTES, TICKET_HASH_BYTES } from '../../store/ticket-rules.ts';

const PREFIX = 'slt1_';
const SECRET_BYTES = 32;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

export interface Ticket {
  readonly text: string;
  readonly key: Uint8Array;
}

/** A new ticket: the successor of the one with the key `parent`, or the first of a chain. */
export function newTicket(random: Random, parent: Uint8Array | undefined): Ticket {
  const family = parent?.subarray(0, TICKET_FAMILY_BYTES) ?? random.bytes(TICKET_FAMILY_BYTES);
  const bytes = Buffer.concat([family, random.bytes(SECRET_BYTES)]);
  return { text: PREFIX + bytes.toString('base64url'), key: keyOf(bytes) };
}

/** The key of a ticket; undefined for text that is none. */
export function ticketKey(text: string): Uint8Array | undefined {
  const encoded = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || !BASE64URL.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  return bytes.length === TICKET_FAMILY_BYTES + SECRET_BYTES && bytes.toString('base64url') === encoded
    ? keyOf(bytes)
    : undefined;
}

function keyOf(bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, TICKET_FAMILY_BYTES), hash.subarray(0, TICKET_HASH_BYTES)]);
}
