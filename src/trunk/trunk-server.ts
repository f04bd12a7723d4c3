/**
 * The listening end of the trunk (logic): accepts gates and apis, checks their Hello, and hands their frames on.
 */
import type { Clock } from '../clock/clock.ts';
import type { AcceptHandler, Address, Listener, Stream, Transport } from '../net/transport.ts';
import { readHello, writeWelcome } from './handshake-frames.ts';
import { TrunkLink, type TrunkLinkOwner, type TrunkTimes } from './trunk-link.ts';
import { TRUNK_VERSION, TrunkCommand, type WelcomeFrame } from './trunk-protocol.ts';

export interface TrunkServerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly address: Address;
  readonly times: TrunkTimes;
  readonly welcome: WelcomeFrame;
}

export interface TrunkServerOwner {
  onLinkUp(link: TrunkLink): void;
  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  /** Only after `onLinkUp`. */
  onLinkDown(link: TrunkLink, reason: string): void;
}

export class TrunkServer implements AcceptHandler, TrunkLinkOwner {
  readonly #options: TrunkServerOptions;
  readonly #owner: TrunkServerOwner;
  readonly #links: Set<TrunkLink> = new Set();
  readonly #greeted: Set<TrunkLink> = new Set();
  #listener: Listener | undefined;

  constructor(options: TrunkServerOptions, owner: TrunkServerOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** The links that have said Hello. */
  get links(): ReadonlySet<TrunkLink> {
    return this.#greeted;
  }

  async start(): Promise<void> {
    this.#listener = await this.#options.transport.listen(this.#options.address, this);
  }

  /** Stops accepting, sends what is batched, ends every link. */
  async stop(): Promise<void> {
    const closed = this.#listener?.close();
    for (const link of [...this.#links]) link.close('stopped');
    await closed;
  }

  onAccepted(stream: Stream): void {
    const link = new TrunkLink(stream, this.#options.clock, this.#options.times, this);
    stream.owner = link;
    this.#links.add(link);
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    (stream.owner as TrunkLink).receive(bytes);
  }

  onDrain(): void {}

  onClosed(stream: Stream, error: Error | undefined): void {
    (stream.owner as TrunkLink | undefined)?.streamClosed(error?.message ?? 'closed by the peer');
  }

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#greeted.has(link)) return this.#owner.onFrame(link, command, requestId, bytes, start, end);
    const hello = command === TrunkCommand.Hello ? readHello(bytes, start, end) : undefined;
    if (hello === undefined || hello.version !== TRUNK_VERSION) return false;
    link.peerName = hello.name;
    link.peerBootId = hello.bootId;
    this.#greeted.add(link);
    writeWelcome(link.writer, this.#options.welcome);
    link.touch();
    this.#owner.onLinkUp(link);
    return true;
  }

  onLinkClosed(link: TrunkLink, reason: string): void {
    this.#links.delete(link);
    if (this.#greeted.delete(link)) this.#owner.onLinkDown(link, reason);
  }
}
