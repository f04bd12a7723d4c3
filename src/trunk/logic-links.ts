/**
 * The dialling end towards all logics (gate, api): a dialer for each that the directory names, and who owns what.
 *
 *   LogicDirectory ─► TrunkDialer per logic ─► Welcome, Owned ─► PartitionRoutes ─► onRoutesChanged
 *                                          └─► every other frame ─► owner
 *
 * A single machine is the same with a directory of one. Logics that do not agree on the number of partitions do not share
 * a store: the later one is refused while the others are there.
 */
import { LogSampler } from '../log/log-sampler.ts';
import type { Logger } from '../log/logger.ts';
import type { LogicAddress, LogicDirectory } from './logic-directory.ts';
import { readOwned } from './owned-frames.ts';
import { PartitionRoutes } from './partition-routes.ts';
import { TrunkDialer, type TrunkDialerOptions, type TrunkDialerOwner } from './trunk-dialer.ts';
import type { TrunkLink } from './trunk-link.ts';
import { TrunkCommand, type WelcomeFrame } from './trunk-protocol.ts';

/** A logic that is refused is dialled again and again, and complained of so often. */
const STRANGE_LOG_MS = 60_000;

export interface LogicLinksOptions extends Omit<TrunkDialerOptions, 'address'> {
  readonly logics: LogicDirectory;
  readonly log: Logger;
}

export interface LogicLinksOwner {
  /** The number of partitions is known now, or another one. No logic is there at this moment. */
  onPartitions(partitions: number): void;
  /** These partitions have another owner than before, or none: what was under way to the last one is unknown. */
  onRoutesChanged(partitions: readonly number[]): void;
  /** A frame of a logic; false ends the link. */
  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
}

export class LogicLinks {
  readonly routes: PartitionRoutes<TrunkLink> = new PartitionRoutes();
  /** Links that came up. */
  ups = 0;
  readonly #options: LogicLinksOptions;
  readonly #owner: LogicLinksOwner;
  readonly #peers: Map<string, LogicPeer> = new Map();
  readonly #up: Set<TrunkLink> = new Set();

  constructor(options: LogicLinksOptions, owner: LogicLinksOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** Whether any logic is there and owns something. */
  get up(): boolean {
    return this.routes.routed > 0;
  }

  /** Links that are up. */
  get size(): number {
    return this.#up.size;
  }

  start(): void {
    this.#options.logics.start(() => this.#follow());
    this.#follow();
  }

  /** Sends what is batched and ends. Idempotent. */
  stop(): void {
    this.#options.logics.stop();
    for (const peer of this.#peers.values()) peer.dialer.stop();
    this.#peers.clear();
  }

  /** Sends what is batched for all logics, now and not at the end of the tick. */
  flush(): void {
    for (const link of this.#up) link.flush();
  }

  /** @param strange says when a logic is refused */
  cameUp(link: TrunkLink, { partitions, bootId }: WelcomeFrame, strange: LogSampler): void {
    const { log } = this.#options;
    this.ups++;
    if (partitions !== this.routes.partitions) {
      if (this.#up.size > 0) {
        const admitted = strange.admit();
        const known = this.routes.partitions;
        if (admitted) log.error({ bootId, partitions, known, ...admitted }, 'a logic of another store is refused');
        link.close('another number of partitions');
        return;
      }
      this.routes.reset(partitions);
      this.#owner.onPartitions(partitions);
    }
    this.#up.add(link);
    log.debug({ logic: bootId }, 'a logic is there');
  }

  wentDown(link: TrunkLink, name: string, reason: string): void {
    if (!this.#up.delete(link)) return;
    this.#options.log.warn({ logic: name, reason }, 'a logic is away');
    this.#changed(this.routes.remove(link));
  }

  took(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    if (command !== TrunkCommand.Owned) return this.#owner.onFrame(link, command, requestId, bytes, start, end);
    const owned = readOwned(bytes, start, end);
    if (owned !== undefined) this.#changed(this.routes.announce(link, owned));
    return owned !== undefined;
  }

  #changed(partitions: readonly number[]): void {
    if (partitions.length > 0) this.#owner.onRoutesChanged(partitions);
  }

  /** Dials who is new in the directory, leaves who is not in it any more. */
  #follow(): void {
    const named = new Map(this.#options.logics.logics.map((logic) => [logic.name, logic]));
    for (const [name, peer] of this.#peers) {
      const logic = named.get(name);
      if (logic !== undefined && isSame(logic, peer.logic)) continue;
      this.#peers.delete(name);
      peer.dialer.stop();
    }
    for (const [name, logic] of named) {
      if (this.#peers.has(name)) continue;
      const peer = new LogicPeer(logic, this.#options, this);
      this.#peers.set(name, peer);
      peer.dialer.start();
    }
  }
}

/** One logic of the directory. */
class LogicPeer implements TrunkDialerOwner {
  readonly logic: LogicAddress;
  readonly dialer: TrunkDialer;
  readonly #links: LogicLinks;
  readonly #strange: LogSampler;

  constructor(logic: LogicAddress, options: LogicLinksOptions, links: LogicLinks) {
    this.logic = logic;
    this.#links = links;
    this.#strange = new LogSampler(options.clock, 1, STRANGE_LOG_MS);
    this.dialer = new TrunkDialer({ ...options, address: logic.address }, this);
  }

  onUp(link: TrunkLink, welcome: WelcomeFrame): void {
    this.#links.cameUp(link, welcome, this.#strange);
  }

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    return this.#links.took(link, command, requestId, bytes, start, end);
  }

  onDown(link: TrunkLink, reason: string): void {
    this.#links.wentDown(link, this.logic.name, reason);
  }
}

function isSame(one: LogicAddress, other: LogicAddress): boolean {
  return JSON.stringify(one.address) === JSON.stringify(other.address);
}
