/**
 * The dialling end of the trunk (gate, api): keeps one link to a logic up, for ever.
 *
 *   Down ──dial──► Dialling ──Hello/Welcome──► Up ──link lost──► Down (again after a jittered back-off)
 */
import type { Clock, TimerHandle } from '../clock/clock.ts';
import type { Random } from '../clock/random.ts';
import type { Address, DialHandler, Stream, Transport } from '../net/transport.ts';
import { readWelcome, writeHello } from './handshake-frames.ts';
import { TrunkLink, type TrunkLinkOwner, type TrunkTimes } from './trunk-link.ts';
import { TRUNK_VERSION, TrunkCommand, type WelcomeFrame } from './trunk-protocol.ts';

const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 1000;

export interface TrunkDialerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly address: Address;
  readonly times: TrunkTimes;
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
  onDown(reason: string): void;
}

export class TrunkDialer implements DialHandler, TrunkLinkOwner {
  readonly #options: TrunkDialerOptions;
  readonly #owner: TrunkDialerOwner;
  #link: TrunkLink | undefined;
  #up = false;
  #attempts = 0;
  #stopped = false;
  #timer: TimerHandle | undefined;

  constructor(options: TrunkDialerOptions, owner: TrunkDialerOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** The link while it is up. */
  get link(): TrunkLink | undefined {
    return this.#up ? this.#link : undefined;
  }

  start(): void {
    this.#timer = undefined;
    if (this.#stopped) return;
    this.#options.transport.dial(this.#options.address, this);
  }

  /** Sends what is batched and ends. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#link?.close('stopped');
  }

  onOpen(stream: Stream): void {
    if (this.#stopped) {
      stream.destroy();
      return;
    }
    const { clock, times, role, name, bootId } = this.#options;
    const link = new TrunkLink(stream, clock, times, this);
    stream.owner = link;
    this.#link = link;
    writeHello(link.writer, { version: TRUNK_VERSION, role, name, bootId });
    link.touch();
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
    const welcome = command === TrunkCommand.Welcome ? readWelcome(bytes, start, end) : undefined;
    if (welcome === undefined || welcome.version !== TRUNK_VERSION) return false;
    link.peerBootId = welcome.bootId;
    this.#up = true;
    this.#attempts = 0;
    this.#owner.onUp(link, welcome);
    return true;
  }

  onLinkClosed(_link: TrunkLink, reason: string): void {
    const wasUp = this.#up;
    this.#up = false;
    this.#link = undefined;
    if (wasUp) this.#owner.onDown(reason);
    this.#redial();
  }

  #redial(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#attempts++);
    const waitMs = limit * (0.5 + 0.5 * this.#options.random.fraction());
    this.#timer = this.#options.clock.setTimer(() => this.start(), waitMs);
  }
}
