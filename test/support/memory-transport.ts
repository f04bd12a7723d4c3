/**
 * A network inside the process, deterministic on the clock it is given: the same calls give the same order of events.
 *
 * `listen` and `dial` meet by address: a path, or host and port as written. Every dial makes a `MemoryLink`, kept in
 * `links` in the order of dialling, through which a test slows, chops, silences or cuts that one connection.
 */
import type { Clock } from '../../src/clock/clock.ts';
import type { AcceptHandler, Address, DialHandler, Listener, Stream, Transport } from '../../src/net/transport.ts';
import { type LinkOptions, MemoryLink } from './memory-link.ts';

const PORT_FIRST = 40_000;

export const LINK_OPTIONS_DEFAULT: LinkOptions = {
  latencyMs: 0,
  chunkBytes: 64 * 1024,
  highWaterMarkBytes: 16 * 1024,
  remoteAddress: '127.0.0.1',
};

interface Acceptor {
  readonly handler: AcceptHandler;
  readonly shared: boolean;
}

export class MemoryTransport implements Transport {
  /** For links dialled from now on. */
  linkOptions: LinkOptions;
  readonly links: MemoryLink[] = [];
  readonly #clock: Clock;
  /** Several acceptors of one address take turns (`reusePort`). */
  readonly #acceptors = new Map<string, Acceptor[]>();
  #nextPort = PORT_FIRST;
  #dials = 0;

  constructor(clock: Clock, linkOptions: Partial<LinkOptions> = {}) {
    this.#clock = clock;
    this.linkOptions = { ...LINK_OPTIONS_DEFAULT, ...linkOptions };
  }

  async listen(address: Address, handler: AcceptHandler): Promise<Listener> {
    const port = 'path' in address ? 0 : address.port || this.#nextPort++;
    const key = keyOf('path' in address ? address : { ...address, port });
    const acceptor: Acceptor = { handler, shared: !('path' in address) && address.reusePort === true };
    const present = this.#acceptors.get(key) ?? [];
    if (present.length > 0 && !(acceptor.shared && present.every((one) => one.shared))) {
      throw Object.assign(new Error(`listen EADDRINUSE: ${key}`), { code: 'EADDRINUSE' });
    }
    this.#acceptors.set(key, [...present, acceptor]);
    return { port, close: async () => this.#remove(key, acceptor) };
  }

  dial(address: Address, handler: DialHandler): Stream {
    const key = keyOf(address);
    const acceptors = this.#acceptors.get(key) ?? [];
    const acceptor = acceptors[this.#dials++ % Math.max(1, acceptors.length)];
    // A refused dial has no far end; its own handler stands in and is never called.
    const link = new MemoryLink(this.#clock, this.linkOptions, handler, acceptor?.handler ?? handler);
    this.links.push(link);
    const connect = (): void => {
      if (link.dialled.closed) return;
      if (acceptor === undefined || !this.#acceptors.get(key)?.includes(acceptor)) {
        link.dialled.closeWith(refusedError(key));
        return;
      }
      link.accepted.open();
      acceptor.handler.onAccepted(link.accepted);
      if (link.dialled.open()) handler.onOpen(link.dialled);
    };
    link.later(() => link.whenAudible(connect));
    return link.dialled;
  }

  #remove(key: string, acceptor: Acceptor): void {
    const left = (this.#acceptors.get(key) ?? []).filter((one) => one !== acceptor);
    if (left.length > 0) this.#acceptors.set(key, left);
    else this.#acceptors.delete(key);
  }
}

function keyOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

function refusedError(key: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${key}`), { code: 'ECONNREFUSED' });
}
