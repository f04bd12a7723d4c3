/**
 * The network of a world: who listens where, every connection, and what the weather does to them.
 *
 * TCP is kept: bytes of a live connection are never lost, doubled or reordered; connections are slow, chopped, cut at
 * any byte, or silent. Different connections overtake each other freely.
 */
import type { AcceptHandler, Address, DialHandler, Listener, Stream, Transport } from '../../src/net/transport.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { type LinkNature, SimLink } from './link.ts';
import type { DeathKind, SimProcess } from './process.ts';
import type { SimStream, StreamObserver } from './stream.ts';
import type { World } from './world.ts';

interface Acceptor {
  readonly process: SimProcess;
  readonly handler: AcceptHandler;
}

const PRUNE_EVERY = 64;
/** How long the systems take to find out that a machine has come back without their connections. */
const RESET_AFTER_POWER_MS = 3000;

export class Network {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #acceptors = new Map<string, Acceptor[]>();
  readonly #nature: () => LinkNature;
  /** How to refuse those that wait to be accepted, and by whom. */
  readonly #backlog = new Map<() => void, SimProcess>();
  #links: SimLink[] = [];

  /** `nature` draws what each new connection is like. */
  constructor(world: World, nature: () => LinkNature) {
    this.#world = world;
    this.#random = world.random;
    this.#nature = nature;
  }

  /** Connections that have an end which is not closed. */
  get links(): readonly SimLink[] {
    this.#links = this.#links.filter((link) => !link.isOver);
    return this.#links;
  }

  /** Links between the machines. */
  linksOf(host: string, otherHost?: string): SimLink[] {
    return this.links.filter(({ ends }) => {
      const hosts = ends.map((end) => end.process.host);
      return hosts.includes(host) && (otherHost === undefined || hosts.includes(otherHost));
    });
  }

  /** The network as one process sees it. `observe` makes an observer for each connection that it dials. */
  transportOf(process: SimProcess, observe?: () => StreamObserver): Transport {
    process.onDeath((kind) => this.#processDied(process, kind));
    return {
      listen: async (address, handler) => this.#listen(process, keyOf(address), handler),
      dial: (address, handler) => this.#dial(process, keyOf(address), handler, observe?.()),
    };
  }

  #listen(process: SimProcess, key: string, handler: AcceptHandler): Listener {
    const acceptor: Acceptor = { process, handler };
    this.#acceptors.set(key, [...this.#acceptorsOf(key), acceptor]);
    const close = async (): Promise<void> => {
      this.#acceptors.set(
        key,
        this.#acceptorsOf(key).filter((other) => other !== acceptor),
      );
    };
    return { port: Number(key.split(':')[1] ?? 0), close };
  }

  #acceptorsOf(key: string): Acceptor[] {
    return (this.#acceptors.get(key) ?? []).filter(({ process }) => process.isAlive);
  }

  #dial(process: SimProcess, key: string, handler: DialHandler, observer: StreamObserver | undefined): Stream {
    const link = new SimLink(this.#nature(), this.#random, process, handler);
    link.dialled.observer = observer;
    this.#links.push(link);
    if (this.#links.length % PRUNE_EVERY === 0) this.#links = [...this.links];
    this.#world.at(undefined, link.latencyMs(), 'dial', () => link.whenAudible(() => this.#arrive(link, key, handler)));
    return link.dialled;
  }

  #arrive(link: SimLink, key: string, handler: DialHandler): void {
    const { process } = link.dialled;
    const acceptors = this.#acceptorsOf(key);
    const acceptor = acceptors[this.#random.below(acceptors.length)];
    if (link.dialled.isClosed || !process.isAlive) return;
    const refuse = (): void => link.later(process, () => link.dialled.closeLater(refusedError(key)));
    if (acceptor === undefined) {
      refuse();
      return;
    }
    // A process that dies before it has accepted leaves a refusal.
    this.#backlog.set(refuse, acceptor.process);
    this.#world.at(acceptor.process, 0, 'accept', () => {
      this.#backlog.delete(refuse);
      const accepted = link.connectsTo(acceptor.process, acceptor.handler);
      acceptor.handler.onAccepted(accepted);
      if (link.dialled.isClosed) accepted.breakOff(this.#random);
      link.later(process, () => {
        if (!link.dialled.open()) return;
        handler.onOpen(link.dialled);
        link.dialled.pump();
      });
    });
  }

  #processDied(process: SimProcess, kind: DeathKind): void {
    for (const [refuse, acceptor] of this.#backlog) {
      if (acceptor !== process) continue;
      this.#backlog.delete(refuse);
      refuse();
    }
    for (const link of this.links) {
      const own = link.ends.find((end) => end.process === process);
      const peer = link.ends.find((end) => end !== own);
      if (own === undefined) continue;
      if (kind === 'exit') own.sayGoodbye();
      else if (peer !== undefined) this.#orphan(link, peer, process.host);
      own.closeLater(undefined);
    }
  }

  /** The peer hears nothing, until the machine is back and knows nothing of the connection. */
  #orphan(link: SimLink, peer: SimStream, host: string): void {
    link.silence();
    const look = (): void => {
      if (peer.isClosed) return;
      const isBack = [...this.#acceptors.values()]
        .flat()
        .some(({ process }) => process.isAlive && process.host === host);
      if (isBack || link.dialled !== peer) link.heal();
      else this.#world.at(undefined, RESET_AFTER_POWER_MS * this.#random.fraction(), 'orphan', look);
    };
    this.#world.at(undefined, RESET_AFTER_POWER_MS * this.#random.fraction(), 'orphan', look);
  }
}

function keyOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

function refusedError(key: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${key}`), { code: 'ECONNREFUSED' });
}
