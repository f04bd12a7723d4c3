/**
 * The listeners of a gate worker that shares its port with others (`reusePort`). The system spreads new connections over
 * all listeners by hash, whether their workers have room or not: a worker that is nearly full closes its own, so that the
 * rest goes to those with room, and opens them again when enough clients have left.
 *
 *   connections  0 ───────────── reopenAt ────── closeAt ── connectionsMax
 *                      listening    │  as before    │   not listening
 *
 * Between closing and the limit there is room for what the system has accepted already; what still waits in the queue of
 * a closed listener moves to another one where `net.ipv4.tcp_migrate_req` is 1, and is reset otherwise. A worker without
 * companions always listens and refuses with a frame.
 */
import type { Logger } from '../log/logger.ts';
import type { AcceptHandler, Address, Listener, Transport } from '../net/transport.ts';

/** How far below `closeAt` a worker listens again, in percent of its places. */
const REOPEN_BELOW_PERCENT = 4;

export interface ListeningLimits {
  readonly connectionsMax: number;
  /** Percent of the places that are taken when a worker stops listening; 100 for never. */
  readonly stopAcceptingPercent: number;
}

export class Listening {
  /** How often the listeners were closed for want of room. */
  closings = 0;
  readonly #transport: Transport;
  readonly #addresses: readonly Address[];
  readonly #handler: AcceptHandler;
  readonly #log: Logger;
  readonly #closeAt: number;
  readonly #reopenAt: number;
  #listeners: Listener[] = [];
  #opening = false;
  #stopped = false;

  constructor(
    transport: Transport,
    addresses: readonly Address[],
    handler: AcceptHandler,
    limits: ListeningLimits,
    log: Logger,
  ) {
    this.#transport = transport;
    this.#addresses = addresses;
    this.#handler = handler;
    this.#log = log;
    const { connectionsMax, stopAcceptingPercent } = limits;
    const at = (percent: number): number => Math.ceil((connectionsMax * percent) / 100);
    const shares = addresses.some((address) => 'reusePort' in address && address.reusePort === true);
    this.#closeAt = shares && stopAcceptingPercent < 100 ? at(stopAcceptingPercent) : Number.POSITIVE_INFINITY;
    this.#reopenAt = at(stopAcceptingPercent - REOPEN_BELOW_PERCENT);
  }

  get open(): boolean {
    return this.#listeners.length > 0;
  }

  /** The port clients dial; 0 before the start. */
  get port(): number {
    return this.#listeners[0]?.port ?? 0;
  }

  async start(): Promise<void> {
    for (const address of this.#addresses) this.#listeners.push(await this.#transport.listen(address, this.#handler));
  }

  /** A connection has got a place. */
  filled(connections: number): void {
    if (connections < this.#closeAt || !this.open || this.#opening) return;
    this.closings++;
    this.#log.debug({ connections }, 'nearly full: new connections go to the other gates');
    void this.#close();
  }

  /** Called now and then: listens again when there is room. */
  check(connections: number): void {
    if (this.open || this.#opening || this.#stopped || connections > this.#reopenAt) return;
    this.#opening = true;
    void this.#reopen();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#close();
  }

  async #reopen(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.#log.error({ error }, 'cannot listen again; tried again soon');
      await this.#close();
    }
    this.#opening = false;
    if (this.#stopped) await this.#close();
  }

  async #close(): Promise<void> {
    const closing = this.#listeners;
    this.#listeners = [];
    await Promise.all(closing.map((listener) => listener.close()));
  }
}
