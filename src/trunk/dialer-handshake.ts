/** The dialling end's part of the handshake (`trunk-access.ts`): one for each link. */
import { readChallenge, readRefused, readWelcome, writeHello, writeProof } from './handshake-frames.ts';
import type { HandshakeFailureReason, TrunkSecret } from './trunk-access.ts';
import type { TrunkLink } from './trunk-link.ts';
import { type HelloFrame, TRUNK_VERSION, TrunkCommand, TrunkRefusal, type WelcomeFrame } from './trunk-protocol.ts';

const NOTHING: Uint8Array = new Uint8Array();

/** Undefined: more is to come. */
export type HandshakeStep = WelcomeFrame | HandshakeFailureReason | undefined;

export class DialerHandshake {
  readonly #link: TrunkLink;
  readonly #secret: TrunkSecret | undefined;
  readonly #hello: Uint8Array;
  #challenge: Uint8Array | undefined;
  #bootId = '';

  /** Says Hello. */
  constructor(link: TrunkLink, secret: TrunkSecret | undefined, hello: Omit<HelloFrame, 'nonce' | 'version'>) {
    this.#link = link;
    this.#secret = secret;
    const nonce = secret?.nonce() ?? NOTHING;
    this.#hello = writeHello(link.writer, { ...hello, version: TRUNK_VERSION, nonce });
    link.touch();
  }

  onFrame(command: number, bytes: Buffer, start: number, end: number): HandshakeStep {
    switch (command) {
      case TrunkCommand.Challenge:
        return this.#challenged(bytes, start, end);
      case TrunkCommand.Welcome:
        return this.#welcomed(bytes, start, end);
      case TrunkCommand.Refused:
        return readRefused(bytes, start, end)?.reason === TrunkRefusal.Version ? 'version' : 'secret';
      default:
        return 'nonsense';
    }
  }

  #challenged(bytes: Buffer, start: number, end: number): HandshakeStep {
    const challenge = readChallenge(bytes, start, end);
    if (challenge === undefined || this.#challenge !== undefined) return 'nonsense';
    if (this.#secret === undefined) return 'secret';
    this.#bootId = challenge.bootId;
    this.#challenge = Buffer.from(bytes.subarray(start, end));
    writeProof(this.#link.writer, { proof: this.#secret.proof('dialer', this.#hello, this.#challenge) });
    this.#link.touch();
    return undefined;
  }

  #welcomed(bytes: Buffer, start: number, end: number): HandshakeStep {
    const welcome = readWelcome(bytes, start, end);
    if (welcome === undefined) return 'nonsense';
    const { proof, ...frame } = welcome;
    if (frame.version !== TRUNK_VERSION) return 'version';
    if (this.#secret === undefined) return frame;
    // A listener that asked for no proof may be anybody.
    const known =
      this.#challenge !== undefined &&
      frame.bootId === this.#bootId &&
      this.#secret.proves('listener', this.#hello, this.#challenge, proof);
    return known ? frame : 'secret';
  }
}
