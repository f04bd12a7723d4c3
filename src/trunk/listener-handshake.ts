/**
 * The listening end's part of the handshake (`trunk-access.ts`): the accepted peers that have not finished it.
 *
 * What such strangers can take is bounded: their number (the oldest makes room), their time (`handshakeTimeoutMs` from
 * accept), and what is read of them (two short frames, in order). One that was refused counts until its stream is gone.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import { readHello, readProof, writeChallenge, writeRefused, writeWelcome } from './handshake-frames.ts';
import type { HandshakeFailureReason, TrunkAccess, TrunkSecret } from './trunk-access.ts';
import type { TrunkLink } from './trunk-link.ts';
import { type HelloFrame, TRUNK_VERSION, TrunkCommand, TrunkRefusal, type WelcomeFrame } from './trunk-protocol.ts';

const NOTHING: Uint8Array = new Uint8Array();

interface Stranger {
  readonly secret: TrunkSecret | undefined;
  readonly address: string;
  readonly timer: TimerHandle;
  hello: HelloFrame | undefined;
  helloBody: Uint8Array;
  challenge: Uint8Array;
  refused: boolean;
}

export class ListenerHandshake {
  readonly #clock: Clock;
  readonly #access: TrunkAccess;
  readonly #welcome: WelcomeFrame;
  readonly #onTrusted: (link: TrunkLink) => void;
  /** Oldest first. */
  readonly #strangers: Map<TrunkLink, Stranger> = new Map();

  constructor(clock: Clock, access: TrunkAccess, welcome: WelcomeFrame, onTrusted: (link: TrunkLink) => void) {
    this.#clock = clock;
    this.#access = access;
    this.#welcome = welcome;
    this.#onTrusted = onTrusted;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  begin(link: TrunkLink, address: string, secret: TrunkSecret | undefined): void {
    const [oldest] = this.#strangers.size >= this.#access.strangersMax ? this.#strangers.keys() : [];
    if (oldest !== undefined) this.#cut(oldest, 'crowded');
    const timer = this.#clock.setTimer(() => this.#cut(link, 'timeout'), this.#access.handshakeTimeoutMs);
    const nothing = { hello: undefined, helloBody: NOTHING, challenge: NOTHING, refused: false };
    this.#strangers.set(link, { secret, address, timer, ...nothing });
  }

  /** A frame of a peer that is not trusted yet; false ends its link. */
  onFrame(link: TrunkLink, command: number, bytes: Buffer, start: number, end: number): boolean {
    const stranger = this.#strangers.get(link);
    if (stranger === undefined || stranger.refused) return false;
    const makesSense =
      stranger.hello === undefined
        ? command === TrunkCommand.Hello && this.#greeted(link, stranger, bytes, start, end)
        : command === TrunkCommand.Proof && this.#proved(link, stranger, stranger.hello, bytes, start, end);
    if (!makesSense) this.#tell(stranger, 'nonsense');
    return makesSense;
  }

  /** The peer's stream is gone. */
  gone(link: TrunkLink): void {
    const stranger = this.#strangers.get(link);
    if (stranger === undefined) return;
    this.#strangers.delete(link);
    this.#clock.clearTimer(stranger.timer);
  }

  #greeted(link: TrunkLink, stranger: Stranger, bytes: Buffer, start: number, end: number): boolean {
    const hello = readHello(bytes, start, end);
    if (hello === undefined) return false;
    stranger.hello = hello;
    if (hello.version !== TRUNK_VERSION) this.#refuse(link, stranger, 'version');
    else if (stranger.secret === undefined) this.#trust(link, hello, NOTHING);
    else {
      stranger.helloBody = Buffer.from(bytes.subarray(start, end));
      const nonce = stranger.secret.nonce();
      stranger.challenge = writeChallenge(link.writer, { bootId: this.#welcome.bootId, nonce });
      link.touch();
    }
    return true;
  }

  #proved(link: TrunkLink, stranger: Stranger, hello: HelloFrame, bytes: Buffer, start: number, end: number): boolean {
    const { secret, helloBody, challenge } = stranger;
    const frame = readProof(bytes, start, end);
    if (frame === undefined || secret === undefined) return false;
    if (secret.proves('dialer', helloBody, challenge, frame.proof)) {
      this.#trust(link, hello, secret.proof('listener', helloBody, challenge));
    } else this.#refuse(link, stranger, 'secret');
    return true;
  }

  #trust(link: TrunkLink, hello: HelloFrame, proof: Uint8Array): void {
    this.gone(link);
    link.peerName = hello.name;
    link.peerRole = hello.role;
    link.peerBootId = hello.bootId;
    link.trust();
    writeWelcome(link.writer, this.#welcome, proof);
    link.touch();
    this.#onTrusted(link);
  }

  /** Says why; the deadline still cuts a peer that does not close. */
  #refuse(link: TrunkLink, stranger: Stranger, reason: 'version' | 'secret'): void {
    stranger.refused = true;
    this.#tell(stranger, reason);
    writeRefused(link.writer, { reason: reason === 'version' ? TrunkRefusal.Version : TrunkRefusal.Secret });
    link.close(`refused: ${reason}`);
  }

  #cut(link: TrunkLink, reason: HandshakeFailureReason): void {
    const stranger = this.#strangers.get(link);
    if (stranger === undefined) return;
    this.gone(link);
    if (!stranger.refused) this.#tell(stranger, reason);
    link.cut(reason);
  }

  #tell({ hello, address }: Stranger, reason: HandshakeFailureReason): void {
    this.#access.onFailure({ reason, peer: hello?.name ?? '', address });
  }
}
