/**
 * The listening end of the trunk (logic): accepts gates and apis, lets in whom the handshake lets in, and hands
 * their frames on.
 */
import type { Clock } from '../clock/clock.ts';
import type { AcceptHandler, Address, Listener, Transport } from '../net/transport.ts';
import { ListenerHandshake } from './listener-handshake.ts';
import { OPEN_ACCESS, secretFor, type TrunkAccess, type TrunkSecret } from './trunk-access.ts';
import { TrunkLink, type TrunkLinkOwner, type TrunkTimes } from './trunk-link.ts';
import type { WelcomeFrame } from './trunk-protocol.ts';

export interface TrunkServerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Each with its own idea of who is let in: a socket of this machine, a port of the network. */
  readonly addresses: readonly Address[];
  readonly times: TrunkTimes;
  readonly access?: TrunkAccess | undefined;
  readonly welcome: WelcomeFrame;
}

export interface TrunkServerOwner {
  onLinkUp(link: TrunkLink): void;
  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  /** Only after `onLinkUp`. */
  onLinkDown(link: TrunkLink, reason: string): void;
}

export class TrunkServer implements TrunkLinkOwner {
  readonly #options: TrunkServerOptions;
  readonly #owner: TrunkServerOwner;
  readonly #handshake: ListenerHandshake;
  /** All that are accepted and not closed. */
  readonly #links: Set<TrunkLink> = new Set();
  readonly #trusted: Set<TrunkLink> = new Set();
  readonly #listeners: Listener[] = [];

  constructor(options: TrunkServerOptions, owner: TrunkServerOwner) {
    const { clock, access = OPEN_ACCESS, welcome } = options;
    this.#options = options;
    this.#owner = owner;
    this.#handshake = new ListenerHandshake(clock, access, welcome, (link) => {
      this.#trusted.add(link);
      owner.onLinkUp(link);
    });
  }

  /** The links that have finished their handshake. */
  get links(): ReadonlySet<TrunkLink> {
    return this.#trusted;
  }

  /** Peers that have not. */
  get strangers(): number {
    return this.#handshake.strangers;
  }

  async start(): Promise<void> {
    const { transport, addresses, access = OPEN_ACCESS } = this.#options;
    for (const address of addresses) {
      this.#listeners.push(await transport.listen(address, this.#acceptor(secretFor(address, access))));
    }
  }

  /** Stops accepting, sends what is batched, ends every link. */
  async stop(): Promise<void> {
    const closed = this.#listeners.map((listener) => listener.close());
    for (const link of [...this.#links]) {
      if (link.trusted) link.close('stopped');
      else link.cut('stopped');
    }
    await Promise.all(closed);
  }

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    return link.trusted
      ? this.#owner.onFrame(link, command, requestId, bytes, start, end)
      : this.#handshake.onFrame(link, command, bytes, start, end);
  }

  onLinkClosed(link: TrunkLink, reason: string): void {
    this.#links.delete(link);
    if (this.#trusted.delete(link)) this.#owner.onLinkDown(link, reason);
  }

  #acceptor(secret: TrunkSecret | undefined): AcceptHandler {
    return {
      onAccepted: (stream) => {
        const link = new TrunkLink(stream, this.#options.clock, this.#options.times, this);
        stream.owner = link;
        this.#links.add(link);
        this.#handshake.begin(link, secret === undefined ? '' : stream.remoteAddress, secret);
      },
      onBytes: (stream, bytes) => (stream.owner as TrunkLink).receive(bytes),
      onDrain: () => {},
      onClosed: (stream, error) => {
        const link = stream.owner as TrunkLink | undefined;
        if (link === undefined) return;
        this.#handshake.gone(link);
        link.streamClosed(error?.message ?? 'closed by the peer');
      },
    };
  }
}
