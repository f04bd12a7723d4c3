/**
 * Who may be an end of a trunk link. Over a unix socket: whoever the rights of its folder let in. Over TCP: who knows the
 * secret, which never crosses the wire.
 *
 *   dialer                                         listener
 *     Hello{version, role, name, bootId, nonce} ──►
 *                                               ◄── Challenge{bootId, nonce}      a listener without a secret: Welcome
 *     Proof{HMAC("dialer", Hello, Challenge)}  ──►
 *                                               ◄── Welcome{…, HMAC("listener", Hello, Challenge)}, or Refused{reason}
 *
 * The dialer proves itself first, so that a stranger gets nothing to try secrets on. Both nonces are new for each link;
 * the proofs cover both frames whole, and with them the roles and boot ids. What follows the handshake is not sealed:
 * where others can change bytes on the way, TLS belongs under it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../clock/random.ts';
import type { Address } from '../net/transport.ts';

const NONCE_BYTES = 32;
const LENGTH_BYTES = 4;

export type TrunkEnd = 'dialer' | 'listener';

/** `crowded`: too many peers had not finished their handshake. `nonsense`: not a frame that belongs there. */
export type HandshakeFailureReason = 'secret' | 'version' | 'timeout' | 'crowded' | 'nonsense';

export interface HandshakeFailure {
  readonly reason: HandshakeFailureReason;
  /** What the peer calls itself; '' when it has not said. */
  readonly peer: string;
  /** Where it is; '' when unknown. */
  readonly address: string;
}

export interface TrunkAccess {
  /** For links over TCP; none: whoever gets through is let in. */
  readonly secret: TrunkSecret | undefined;
  /** From the dial or the accept to Welcome. */
  readonly handshakeTimeoutMs: number;
  /** Accepted peers that have not finished their handshake; one more costs the oldest its place. */
  readonly strangersMax: number;
  readonly onFailure: (failure: HandshakeFailure) => void;
}

/** For ends that nobody has told anything else. */
export const OPEN_ACCESS: TrunkAccess = {
  secret: undefined,
  handshakeTimeoutMs: 5000,
  strangersMax: 64,
  onFailure: () => {},
};

/** A unix socket is protected by its folder. */
export function secretFor(address: Address, access: TrunkAccess): TrunkSecret | undefined {
  return 'path' in address ? undefined : access.secret;
}

export class TrunkSecret {
  readonly #secret: string;
  readonly #random: Random;

  constructor(secret: string, random: Random) {
    this.#secret = secret;
    this.#random = random;
  }

  nonce(): Uint8Array {
    return this.#random.bytes(NONCE_BYTES);
  }

  /** @param hello and @param challenge the bodies of the two frames, as they were sent */
  proof(end: TrunkEnd, hello: Uint8Array, challenge: Uint8Array): Uint8Array {
    const lengths = Buffer.alloc(2 * LENGTH_BYTES);
    lengths.writeUInt32BE(hello.length, 0);
    lengths.writeUInt32BE(challenge.length, LENGTH_BYTES);
    return createHmac('sha256', this.#secret)
      .update(`sluice trunk ${end}\0`)
      .update(lengths)
      .update(hello)
      .update(challenge)
      .digest();
  }

  proves(end: TrunkEnd, hello: Uint8Array, challenge: Uint8Array, given: Uint8Array): boolean {
    const expected = this.proof(end, hello, challenge);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}
