/**
 * A TCP proxy on 127.0.0.1 that treats connections badly, on request or from a seed.
 *
 *   client ══▶ up:   [chunk, due] [chunk, due] … ══▶ server
 *          ◀══ down: … [chunk, due] [chunk, due] ◀══
 *
 * A black hole holds bytes back instead of dropping them, as a network without acknowledgements does: the sender's own
 * buffers fill, and when the hole closes everything comes late. At most `QUEUE_BYTES_MAX` wait in each direction, then
 * the proxy stops reading. It stops by itself after `maxMs`.
 *
 * It owns its sockets, because resets and half-closes are what a well-behaved transport hides.
 */
import * as net from 'node:net';
import type { Clock, TimerHandle } from '../../src/clock/clock.ts';
import { type ChaosFaults, NO_FAULTS } from './chaos-faults.ts';
import { ChaosPipe } from './chaos-pipe.ts';

export interface ChaosProxyOptions {
  readonly clock: Clock;
  /** Where connections go, on 127.0.0.1. */
  readonly targetPort: number;
  /** Stops after this time whatever happens. */
  readonly maxMs: number;
  /** What the connection of this number, from 1, starts with; on top of the faults of the whole proxy. */
  readonly faultsFor?: (connection: number) => Partial<ChaosFaults>;
}

export type Direction = 'up' | 'down';

/** One client and its connection to the server. */
export class ChaosConnection {
  readonly number: number;
  readonly #client: net.Socket;
  readonly #server: net.Socket;
  readonly #up: ChaosPipe;
  readonly #down: ChaosPipe;
  #faults: ChaosFaults;
  #forwarded = 0;
  #ended = false;

  constructor(number: number, clock: Clock, client: net.Socket, server: net.Socket, faults: ChaosFaults) {
    this.number = number;
    this.#client = client;
    this.#server = server;
    this.#faults = faults;
    const budget = (wanted: number): number => this.#allow(wanted);
    this.#up = new ChaosPipe(
      clock,
      client,
      server,
      () => holding(this.#faults, 'up'),
      () => this.#faults,
      budget,
    );
    this.#down = new ChaosPipe(
      clock,
      server,
      client,
      () => holding(this.#faults, 'down'),
      () => this.#faults,
      budget,
    );
    const broken = (): void => {
      // Nobody learns of anything through a black hole that swallows both ways.
      if (this.#faults.blackHole !== 'both') this.reset();
    };
    client.on('error', broken);
    server.on('error', broken);
  }

  setFaults(change: Partial<ChaosFaults>): void {
    this.#faults = { ...this.#faults, ...change };
    this.#up.pump();
    this.#down.pump();
  }

  /**
   * RST to both sides. Node sends FIN just before it; a peer that reads slowly sees one, a quick one may see the other.
   * A side that still has to take bytes gets FIN alone: the reset would wait for them. So does one that is connecting or
   * has been told the end: there libuv refuses the reset, and the socket would never close.
   */
  reset(): void {
    if (this.#ended) return;
    this.#end();
    for (const socket of [this.#client, this.#server]) {
      if (socket.destroyed) continue;
      const isOpen = socket.readyState === 'open' && !socket.writableEnded;
      if (isOpen && socket.writableLength === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Drops both sides. A reset that is under way goes on: to destroy its socket would lose the socket's end. */
  destroy(): void {
    if (this.#ended) return;
    this.#end();
    this.#client.destroy();
    this.#server.destroy();
  }

  /** FIN in one direction; the other one stays open. */
  halfClose(direction: Direction): void {
    (direction === 'up' ? this.#up : this.#down).finish();
  }

  #end(): void {
    this.#ended = true;
    this.#up.stop();
    this.#down.stop();
  }

  /** How many of `wanted` bytes may pass before the cut; the cut itself once none may. */
  #allow(wanted: number): number {
    const { cutAfterBytes } = this.#faults;
    const allowed = cutAfterBytes === 0 ? wanted : Math.min(wanted, cutAfterBytes - this.#forwarded);
    if (allowed <= 0) {
      this.reset();
      return 0;
    }
    this.#forwarded += allowed;
    return allowed;
  }
}

/** How long `stop` waits for the ends of its sockets. */
const STOP_MS_MAX = 1000;

export class ChaosProxy {
  readonly connections: Set<ChaosConnection> = new Set();
  readonly #options: ChaosProxyOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #deadline: TimerHandle;
  #faults: Partial<ChaosFaults> = {};
  #accepted = 0;
  #stopped: Promise<void> | undefined;

  private constructor(options: ChaosProxyOptions) {
    this.#options = options;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#deadline = options.clock.setTimer(() => void this.stop(), options.maxMs);
  }

  static async start(options: ChaosProxyOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen({ host: '127.0.0.1', port: 0 }, () => resolve());
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** For every connection, present and future. */
  setFaults(change: Partial<ChaosFaults>): void {
    this.#faults = { ...this.#faults, ...change };
    for (const connection of this.connections) connection.setFaults(change);
  }

  resetAll(): void {
    for (const connection of [...this.connections]) connection.reset();
  }

  /** Ends everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    this.#options.clock.clearTimer(this.#deadline);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const connection of this.connections) connection.destroy();
    // A reset that meets a reset can lose the socket's 'close': what is destroyed by then is gone all the same.
    const { clock } = this.#options;
    let patience: TimerHandle;
    const bound = new Promise<void>((resolve) => {
      patience = clock.setTimer(resolve, STOP_MS_MAX);
    });
    await Promise.race([Promise.all([closed, ...gone]), bound]);
    clock.clearTimer(patience);
    for (const socket of this.#sockets) socket.unref();
    this.#server.unref();
  }

  #accept(client: net.Socket): void {
    this.#accepted += 1;
    const { clock, targetPort, faultsFor } = this.#options;
    const faults = { ...NO_FAULTS, ...this.#faults, ...faultsFor?.(this.#accepted) };
    const server = net.connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
    const connection = new ChaosConnection(this.#accepted, clock, client, server, faults);
    this.connections.add(connection);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!this.#sockets.has(client) && !this.#sockets.has(server)) this.connections.delete(connection);
      });
    }
  }
}

function holding(faults: ChaosFaults, direction: Direction): boolean {
  return faults.blackHole === 'both' || faults.blackHole === direction;
}
