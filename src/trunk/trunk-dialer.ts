/**
 * The dialling end of the trunk (gate, api): keeps one link to a logic up, for ever.
 *
 *   Down ──dial──► Dialling ──handshake──► Up ──link lost──► Down (again after a jittered back-off)
 *
 * A dial and its handshake have `handshakeTimeoutMs` together: a machine that answers nothing is dialled again.
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { Address, DialHandler, Stream, Transport } from '../net/transport.ts';
import { DialerHandshake } from './dialer-handshake.ts';
import { type HandshakeFailureReason, OPEN_ACCESS, secretFor, type TrunkAccess } from './trunk-access.ts';
import { TrunkLink, type TrunkLinkOwner, type TrunkTimes } from './trunk-link.ts';
import type { WelcomeFrame } from './trunk-protocol.ts';

const BACKOFF_FIRST_MS = 20;
/** A refused dial costs next to nothing, and clients wait for logic meanwhile. */
const BACKOFF_MAX_MS = 200;

export interface TrunkDialerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly address: Address;
  readonly times: TrunkTimes;
  readonly access?: TrunkAccess | undefined;
  /** "gate", "api" or "admin". */
  readonly role: string;
  readonly name: string;
  readonly bootId: string;
}

export interface TrunkDialerOwner {
  /** The logic has answered; frames may be written to `link`. */
  onUp(link: TrunkLink, welcome: WelcomeFrame): void;
  /** A frame of the logic; false ends the link. */
  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  /** Only after `onUp`. Everything in flight on the link has an unknown outcome. */
  onDown(link: TrunkLink, reason: string): void;
}

export class TrunkDialer implements DialHandler, TrunkLinkOwner {
  readonly #options: TrunkDialerOptions;
  readonly #owner: TrunkDialerOwner;
  readonly #access: TrunkAccess;
  #stream: Stream | undefined;
  #handshake: DialerHandshake | undefined;
  #link: TrunkLink | undefined;
  #up = false;
  #attempts = 0;
  #stopped = false;
  /** Of the next dial, or of the handshake. */
  #timer: TimerHandle | undefined;

  constructor(options: TrunkDialerOptions, owner: TrunkDialerOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#access = options.access ?? OPEN_ACCESS;
  }

  /** The link while it is up. */
  get link(): TrunkLink | undefined {
    return this.#up ? this.#link : undefined;
  }

  start(): void {
    if (this.#stopped) return;
    const { clock, transport, address } = this.#options;
    this.#timer = clock.setTimer(this.#tooLate, this.#access.handshakeTimeoutMs);
    this.#stream = transport.dial(address, this);
  }

  /** Sends what is batched and ends. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#clearTimer();
    if (this.#up) this.#link?.close('stopped');
    else this.#stream?.destroy();
  }

  onOpen(stream: Stream): void {
    if (this.#stopped) {
      stream.destroy();
      return;
    }
    const { clock, times, address, role, name, bootId } = this.#options;
    const link = new TrunkLink(stream, clock, times, this);
    stream.owner = link;
    this.#link = link;
    this.#handshake = new DialerHandshake(link, secretFor(address, this.#access), { role, name, bootId });
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    (stream.owner as TrunkLink).receive(bytes);
  }

  onDrain(): void {}

  onClosed(stream: Stream, error: Error | undefined): void {
    const link = stream.owner as TrunkLink | undefined;
    if (link === undefined) this.#redial();
    else link.streamClosed(error?.message ?? 'closed by the peer');
  }

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#up) return this.#owner.onFrame(link, command, requestId, bytes, start, end);
    const step = this.#handshake?.onFrame(command, bytes, start, end);
    if (typeof step === 'string') this.#failed(step);
    if (typeof step === 'object') this.#welcomed(link, step);
    return typeof step !== 'string';
  }

  onLinkClosed(link: TrunkLink, reason: string): void {
    const wasUp = this.#up;
    this.#up = false;
    this.#link = undefined;
    this.#handshake = undefined;
    if (wasUp) this.#owner.onDown(link, reason);
    this.#redial();
  }

  readonly #tooLate = (): void => {
    this.#timer = undefined;
    this.#failed('timeout');
    // Its end is reported, and dials again.
    this.#stream?.destroy();
  };

  #welcomed(link: TrunkLink, welcome: WelcomeFrame): void {
    this.#clearTimer();
    this.#handshake = undefined;
    link.peerBootId = welcome.bootId;
    link.trust();
    this.#up = true;
    this.#owner.onUp(link, welcome);
    // An owner that does not want this logic has ended the link: it is not dialled sooner and sooner.
    if (!link.closed) this.#attempts = 0;
  }

  #failed(reason: HandshakeFailureReason): void {
    const { address } = this.#options;
    const shown = 'path' in address ? address.path : `${address.host}:${address.port}`;
    this.#access.onFailure({ reason, peer: 'logic', address: shown });
  }

  #redial(): void {
    if (this.#stopped) return;
    this.#clearTimer();
    const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#attempts++);
    const waitMs = limit * (0.5 + 0.5 * this.#options.random.fraction());
    this.#timer = this.#options.clock.setTimer(() => this.start(), waitMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
