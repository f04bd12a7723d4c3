/**
 * One gate worker: holds connections, checks frames, keeps deadlines and windows, and passes requests to the logic.
 *
 *   socket ─► Gate.onBytes ─► FrameReader ─► ClientCommands ─┬─► answered here (PING, ACK)
 *                                                            └─► LogicSide ─► trunk
 *   trunk ─► LogicSide ─► DeliveryWindow ─► Connections ─► Outbox ─► one write per connection and tick
 *
 * Cost: 2.2 to 2.5 µs CPU per acknowledged message (SEND in, SENDACK and MESSAGE out, ACK in, 100 bytes of payload, 200
 * busy clients, Node 20.20, four runs on two shared cores), a quarter of it in the kernel; more than half goes into the
 * calls that write to sockets (`bench/gate-hot-path.ts`).
 *
 * It knows nothing of storage, users' rights or message contents, and is not restarted when those change. All its state
 * can be rebuilt: from its clients (they reconnect) and for its logic (it registers the sessions again).
 */
import type { Clock } from '../clock/clock.ts';
import { asBuffer } from '../net/bytes.ts';
import { Outbox } from '../net/outbox.ts';
import type { AcceptHandler, Stream } from '../net/transport.ts';
import { CloseReason, FrameReader, writeGoaway } from '../protocol/index.ts';
import type { LogicLinks } from '../trunk/logic-links.ts';
import { TimingWheel } from '../wheel/timing-wheel.ts';
import { Admission } from './admission.ts';
import { ClientCommands } from './client-commands.ts';
import { ConnectionFlag, ConnectionState, ConnectionTable } from './connection-table.ts';
import { Connections } from './connections.ts';
import { Deadlines, TICK_MS } from './deadlines.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { GateCounters } from './gate-counters.ts';
import type { GateOptions } from './gate-options.ts';
import { Listening } from './listening.ts';
import { LogicSide } from './logic-side.ts';
import { LongTurns } from './long-turns.ts';
import { MessageRate } from './message-rate.ts';
import { ProtocolErrors } from './protocol-errors.ts';
import { ReadPauses } from './read-pauses.ts';
import { Refusals } from './refusals.ts';
import { RequestTracker } from './request-tracker.ts';

/** Connections closed per step while stopping. */
const STOP_STEP_MS = 50;
/** GOAWAY gives each connection so much less time, at random: those that act on its end do not do so together. */
const GOAWAY_SPREAD = 0.5;
const IDLE_WHEEL_BUCKETS = 1024;
/** What a table that grows leaves behind stays with the process; what is not used of a large one takes no memory. */
const INITIAL_CAPACITY = 32_768;
const ADDRESS_SWEEP_TICKS = 100;

export class Gate implements AcceptHandler {
  readonly counters: GateCounters = new GateCounters();
  readonly #options: GateOptions;
  readonly #clock: Clock;
  readonly #table: ConnectionTable;
  readonly #outbox: Outbox;
  readonly #connections: Connections;
  readonly #lifeWheel: TimingWheel;
  readonly #ackWheel: TimingWheel;
  readonly #requests: RequestTracker;
  readonly #admission: Admission;
  readonly #refusals: Refusals = new Refusals();
  readonly #pauses: ReadPauses;
  readonly #logic: LogicSide;
  readonly #deadlines: Deadlines;
  readonly #longTurns: LongTurns;
  readonly #commands: ClientCommands;
  readonly #reader: FrameReader<number>;
  readonly #listening: Listening;
  #port = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: GateOptions) {
    const { clock, limits, log, random, transport, name, bootId, logics, trunkTimes: times } = options;
    this.#options = options;
    this.#clock = clock;
    this.#outbox = new Outbox(clock);
    this.#table = new ConnectionTable({ connectionsMax: limits.connectionsMax, initialCapacity: INITIAL_CAPACITY });
    const wheel = { capacity: this.#table.capacity, tickMs: TICK_MS, buckets: IDLE_WHEEL_BUCKETS };
    this.#lifeWheel = new TimingWheel({ ...wheel, startMs: clock.monotonicMs() });
    this.#ackWheel = new TimingWheel({ ...wheel, startMs: clock.monotonicMs() });
    this.#connections = new Connections(this.#table, this.#outbox, clock, this.counters, limits, log);
    const window = new DeliveryWindow(this.#connections, this.#ackWheel, limits);
    this.#requests = new RequestTracker(limits.sendsInFlightMax);
    const errors = new ProtocolErrors(this.#connections, limits);
    this.#logic = new LogicSide(this.#connections, window, this.#requests, errors, limits, options.tellAddress, {
      transport: options.trunkTransport ?? transport,
      access: options.trunkAccess,
      clock,
      random,
      log,
      logics,
      times,
      role: 'gate',
      name,
      bootId,
    });
    this.#longTurns = new LongTurns(clock, this.#outbox, this.#logic.links);
    options.pacer?.beforeSleep(() => this.#longTurns.flush(clock.monotonicMs()));
    this.#pauses = new ReadPauses(this.#connections);
    this.#deadlines = new Deadlines(
      this.#connections,
      this.#lifeWheel,
      this.#ackWheel,
      window,
      this.#logic,
      this.#pauses,
      limits,
    );
    const rated = limits.messagesPerSecondMax > 0 || limits.messageBytesPerSecondMax > 0;
    const rate = rated ? new MessageRate(this.#connections, this.#pauses, limits) : undefined;
    this.#commands = new ClientCommands(this.#connections, window, this.#requests, this.#logic, errors, rate, limits);
    this.#reader = new FrameReader(this.#commands);
    this.#admission = new Admission(limits, random, this.counters);
    this.#deadlines.every(1, (nowMs) => this.#refusals.cutOverdue(nowMs));
    this.#listening = new Listening(options.transport, options.listen, this, limits, log);
    this.#deadlines.every(1, () => this.#listening.check(this.#table.size));
    this.#deadlines.every(ADDRESS_SWEEP_TICKS, (nowMs) => this.#admission.sweep(nowMs));
  }

  /** The port clients dial; 0 before `start`. */
  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#table.size;
  }

  /** False when the worker is nearly full and leaves new connections to others. */
  get listening(): boolean {
    return this.#listening.open;
  }

  /** How often it has stopped listening for want of room. */
  get listenersClosed(): number {
    return this.#listening.closings;
  }

  /** Whether any logic is there. */
  get logicUp(): boolean {
    return this.#logic.up;
  }

  get logics(): LogicLinks {
    return this.#logic.links;
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  get unfinishedFrames(): number {
    return this.#deadlines.unfinishedFrames;
  }

  get slowConsumers(): number {
    return this.#connections.slowConsumers;
  }

  /** Connections that are not read from because they sent too fast. */
  get pausedConnections(): number {
    return this.#pauses.size;
  }

  /** Logged-in connections whose head the present logic has confirmed; counted when asked. */
  get confirmedConnections(): number {
    const { flags, state } = this.#table;
    let confirmed = 0;
    for (let slot = 0; slot < flags.length; slot++) {
      if (state[slot] === ConnectionState.Ready)
        confirmed += Number(((flags[slot] as number) & ConnectionFlag.Known) !== 0);
    }
    return confirmed;
  }

  /** Connections that have not logged in. */
  get preLoginConnections(): number {
    return this.#connections.preLogin;
  }

  get heldConnections(): number {
    return this.#requests.heldConnections;
  }

  async start(): Promise<void> {
    this.#logic.links.start();
    this.#deadlines.start();
    await this.#listening.start();
    this.#port = this.#listening.port;
  }

  /**
   * Stops accepting, says GOAWAY with the gates to go to, closes all connections spread over `drainMs`, then leaves the trunk.
   * Idempotent: repeat callers get the same promise.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  onAccepted(stream: Stream): void {
    const nowMs = this.#clock.monotonicMs();
    const reason = this.#refusal(stream, nowMs);
    const slot = reason === 0 ? this.#table.acquire() : -1;
    if (slot < 0) {
      this.#refusals.refuse(stream, reason || this.#full(), this.#logic.retryAfterMs(), nowMs);
      return;
    }
    if (this.#table.capacity > this.#lifeWheel.capacity) {
      this.#lifeWheel.grow(this.#table.capacity);
      this.#ackWheel.grow(this.#table.capacity);
    }
    this.#connections.accepted(slot, stream);
    this.#admission.entered(slot, stream);
    this.#listening.filled(this.#table.size);
    this.#deadlines.accepted(slot, nowMs);
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const slot = stream.slot;
    if (slot < 0 || this.#table.state[slot] === ConnectionState.Closing) return;
    this.#options.pacer?.touched();
    this.counters.bytesIn += bytes.length;
    this.#table.lastSeenMs[slot] = this.#longTurns.event();
    const chunk = asBuffer(bytes);
    const partial = this.#reader.read(slot, this.#deadlines.partial(slot), chunk, this.#commands.bodyBytesMax);
    if (this.#table.state[slot] !== ConnectionState.Closing) this.#deadlines.keepPartial(slot, partial);
  }

  onDrain(stream: Stream): void {
    if (stream.slot >= 0) this.#connections.drained(stream.slot);
  }

  onClosed(stream: Stream): void {
    this.#longTurns.event();
    const slot = stream.slot;
    if (slot < 0) {
      this.#refusals.closed(stream);
      return;
    }
    stream.slot = -1;
    this.#connections.streamClosed(slot);
    this.#deadlines.released(slot);
    this.#admission.left(slot);
  }

  readonly #closeForShutdown = (slot: number): void => this.#connections.close(slot, CloseReason.Shutdown);
  readonly #abort = (slot: number): void => this.#connections.abort(slot);

  #refusal(stream: Stream, nowMs: number): CloseReason | 0 {
    if (this.#stopping !== undefined) return CloseReason.Shutdown;
    return this.#admission.refusal(stream, this.#connections.preLogin, nowMs);
  }

  #full(): CloseReason {
    this.counters.refusedFull++;
    return CloseReason.ConnectionsMax;
  }

  async #stop(): Promise<void> {
    await this.#listening.stop();
    const { drainMs } = this.#options.limits;
    const alternatives = this.#options.alternatives?.() ?? [];
    this.#table.forEach((slot) => {
      if (this.#table.state[slot] !== ConnectionState.Ready) return;
      const retryAfterMs = Math.round(drainMs * (1 - GOAWAY_SPREAD * this.#options.random.fraction()));
      writeGoaway(this.#connections.writer, 0, { retryAfterMs, alternatives });
      this.#connections.send(slot);
    });
    const steps = Math.max(1, Math.floor(drainMs / STOP_STEP_MS));
    const perStep = Math.ceil(this.#table.size / steps);
    let next = 0;
    while (this.#table.size > 0 && next >= 0) {
      next = this.#table.forEach(this.#closeForShutdown, next, perStep);
      if (next >= 0) await this.#pause(STOP_STEP_MS);
    }
    await this.#emptied(STOP_STEP_MS * 20);
    this.#table.forEach(this.#abort);
    this.#refusals.cutAll();
    this.#deadlines.stop();
    this.#logic.links.stop();
  }

  /** Waits until every connection is gone, `boundMs` at most. */
  async #emptied(boundMs: number): Promise<void> {
    for (let waited = 0; this.#table.size > 0 && waited < boundMs; waited += STOP_STEP_MS) {
      await this.#pause(STOP_STEP_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(resolve, ms);
    });
  }
}
