/**
 * Keeps one connection up: gets a credential, dials, logs in, and after each end decides by its reason whether and when
 * to come back. `connection-state.ts` holds the states and the steps between them.
 */
import type { TimerHandle } from '../clock/clock.ts';
import {
  Capability,
  CloseReason,
  type ConnackBody,
  type ConnectBody,
  type GoawayBody,
  Intent,
  PROTOCOL_VERSION,
} from '../protocol/index.ts';
import { Connection, type ConnectionEnd, type ConnectionOwner } from './connection.ts';
import { ConnectionState, STATE_TRANSITIONS } from './connection-state.ts';
import { type Credential, Credentials } from './credentials.ts';
import { ConnectError, closeReasonName, StoppedError } from './errors.ts';
import { asError, type EventHub } from './events.ts';
import { GateFinder } from './gate-finder.ts';
import type { ResolvedOptions } from './options.ts';
import { PendingConnect } from './pending-connect.ts';
import { type Reaction, ReconnectPolicy, reactionTo } from './reconnect-policy.ts';
import type { ClientState, CursorPosition, SessionState } from './storage.ts';

export interface ReconnectorOwner {
  /** What the next CONNECT tells the server. */
  position(): CursorPosition;
  onOnline(connection: Connection, connack: ConnackBody, presented: CursorPosition): void;
  onOffline(): void;
  onFrame(command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean;
  onDrain(): void;
}

export class Reconnector implements ConnectionOwner {
  readonly #options: ResolvedOptions;
  readonly #events: EventHub;
  readonly #owner: ReconnectorOwner;
  readonly #policy: ReconnectPolicy;
  readonly #credentials: Credentials;
  readonly #gates: GateFinder;
  #state: ConnectionState = ConnectionState.Idle;
  #connection: Connection | undefined;
  #pending: PendingConnect | undefined;
  /** Of the next attempt, or of a GOAWAY that is to be followed. */
  #timer: TimerHandle | undefined;
  /** Grows with every attempt and every end, so that what was awaited for an earlier one is recognised. */
  #attempt = 0;
  #session: SessionState = { generation: 0, ticket: '' };
  #intent: Intent = Intent.Fresh;
  #presented: CursorPosition = { epoch: 0, seq: 0 };
  #lastEnd: ConnectionEnd = { reason: CloseReason.PeerClosed, retryAfterMs: 0, detail: '' };
  /** The connection ends because another one is to take its place. */
  #isMoving = false;

  constructor(options: ResolvedOptions, events: EventHub, owner: ReconnectorOwner) {
    this.#options = options;
    this.#events = events;
    this.#owner = owner;
    this.#policy = new ReconnectPolicy(options.platform.random);
    this.#gates = new GateFinder(options, events);
    this.#credentials = new Credentials(options.platform.clock, options.token, options.loginTimeoutMs);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  restore({ session, gates }: ClientState): void {
    if (gates !== undefined) this.#gates.restore(gates);
    if (session === undefined) return;
    this.#session = session;
    this.#credentials.keepTicket(session.ticket);
    if (this.#options.resume && session.generation > 0) this.#intent = Intent.Resume;
  }

  /** A token for a session that is to go on. Rejects when the source fails. */
  freshToken(): Promise<string> {
    return this.#credentials.freshToken();
  }

  /** Resolves when logged in. A call while one is under way shares its promise. */
  connect(): Promise<void> {
    if (this.#state === ConnectionState.Online) return Promise.resolve();
    if (this.#pending !== undefined) return this.#pending.promise;
    if (this.#state === ConnectionState.Closing || this.#state === ConnectionState.Closed) {
      return Promise.reject(new ConnectError('the client is closed'));
    }
    this.#pending = this.#newPending();
    if (this.#state === ConnectionState.Stopped) this.#intent = Intent.Fresh;
    if (this.#state === ConnectionState.Idle || this.#state === ConnectionState.Stopped) this.#begin();
    return this.#pending.promise;
  }

  /** Gives up every attempt; a connection that stands is kept for `finish`. */
  startClosing(): void {
    const wasOnline = this.#state === ConnectionState.Online;
    this.#moveTo(ConnectionState.Closing);
    this.#clearTimer();
    this.#attempt += 1;
    this.#settle(new ConnectError('the client was closed'));
    if (wasOnline) return;
    this.#dropConnection();
    this.#owner.onOffline();
  }

  finish(): void {
    this.#dropConnection();
    this.#moveTo(ConnectionState.Closed);
  }

  onLoggedIn(connection: Connection, connack: ConnackBody): void {
    this.#moveTo(ConnectionState.Online);
    this.#policy.online(this.#options.platform.clock.monotonicMs());
    this.#intent = Intent.Resume;
    this.#credentials.keepTicket(connack.ticket);
    this.#keepSession({ generation: connack.generation, ticket: connack.ticket });
    this.#owner.onOnline(connection, connack, this.#presented);
    this.#settle(undefined);
    const { generation, epoch, head, serverTimeMs } = connack;
    this.#events.emit('connected', { generation, epoch, head, serverTimeMs });
  }

  onFrame(command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    return this.#owner.onFrame(command, requestId, bytes, start, end);
  }

  onDrain(): void {
    this.#owner.onDrain();
  }

  onKicked(reason: number, deviceType: string): void {
    this.#events.emit('kicked', { reason, reasonName: closeReasonName(reason), deviceType });
  }

  /** Follows after a random part of the time, so that not everybody leaves at once, and arrives without a further wait. */
  onGoaway(goaway: GoawayBody): void {
    if (this.#state !== ConnectionState.Online) return;
    const { clock, random } = this.#options.platform;
    this.#gates.goaway(goaway.alternatives);
    this.#clearTimer();
    this.#timer = clock.setTimer(() => {
      this.#isMoving = true;
      this.#connection?.disconnect();
    }, random.fraction() * goaway.retryAfterMs);
  }

  onEnded(connection: Connection, end: ConnectionEnd): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    if (this.#state === ConnectionState.Online || this.#state === ConnectionState.Closing) this.#owner.onOffline();
    if (this.#state === ConnectionState.Closing) return;
    const reaction = reactionTo(end.reason);
    if (this.#isGateToLeave(end.reason, reaction)) this.#gates.endTurn();
    this.#react(end, reaction);
  }

  #begin(): void {
    this.#moveTo(ConnectionState.Connecting);
    this.#attempt += 1;
    void this.#dial(this.#attempt);
  }

  async #dial(attempt: number): Promise<void> {
    let credential: Credential | undefined;
    try {
      credential = await this.#credentials.next();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#events.emit('error', asError(error));
      this.#tryAgain('no token');
      return;
    }
    if (attempt === this.#attempt && this.#gates.wantsToAsk) await this.#gates.ask();
    if (attempt !== this.#attempt) return;
    if (credential === undefined) {
      this.#react(this.#lastEnd, 'stop');
      return;
    }
    const { platform, loginTimeoutMs } = this.#options;
    const address = this.#gates.next();
    if (address === undefined) {
      this.#tryAgain('no gate is known');
      return;
    }
    this.#presented = this.#options.sendOnly ? { epoch: 0, seq: 0 } : this.#owner.position();
    const body = this.#connectBody(credential);
    this.#connection = new Connection(platform, address, body, loginTimeoutMs, this);
  }

  #connectBody(credential: Credential): ConnectBody {
    const { app, uid, deviceType, deviceId, agent, sendOnly } = this.#options;
    return {
      version: PROTOCOL_VERSION,
      app,
      uid,
      credentialType: credential.type,
      credential: credential.value,
      deviceType,
      deviceId,
      intent: this.#intent,
      lastGeneration: this.#session.generation,
      epoch: this.#presented.epoch,
      lastSeq: this.#presented.seq,
      capabilities: sendOnly ? Capability.SendOnly : 0,
      agent,
    };
  }

  /** What to do after an attempt or a connection has ended. */
  #react(end: ConnectionEnd, reaction: Reaction): void {
    this.#lastEnd = end;
    this.#attempt += 1;
    this.#clearTimer();
    let isOver = reaction === 'stop';
    if (reaction === 'reauthenticate') {
      isOver = !this.#credentials.refused();
      this.#keepSession({ generation: this.#session.generation, ticket: this.#credentials.ticket });
    }
    const { clock } = this.#options.platform;
    const told = { reason: end.reason, reasonName: closeReasonName(end.reason), detail: end.detail };
    if (isOver) {
      this.#moveTo(ConnectionState.Stopped);
      this.#settle(new StoppedError(end.reason, end.detail));
      this.#events.emit('disconnected', { ...told, retryInMs: undefined });
      this.#events.emit('stopped', told);
      return;
    }
    const { backoff } = this.#gates;
    const retryInMs = this.#isMoving
      ? 0
      : this.#policy.delayMs(reaction, end.retryAfterMs, clock.monotonicMs(), backoff);
    this.#isMoving = false;
    this.#moveTo(ConnectionState.Waiting);
    this.#timer = clock.setTimer(() => this.#begin(), retryInMs);
    this.#events.emit('disconnected', { ...told, retryInMs });
  }

  #tryAgain(detail: string): void {
    this.#react({ reason: CloseReason.PeerClosed, retryAfterMs: 0, detail }, 'reconnect');
  }

  /** It brought no login, or says itself that it leaves or is full; a refused credential is not its fault. */
  #isGateToLeave(reason: number, reaction: Reaction): boolean {
    if (reaction === 'wait' || reason === CloseReason.Shutdown) return true;
    return this.#state === ConnectionState.Connecting && reaction === 'reconnect';
  }

  #keepSession(session: SessionState): void {
    if (session.generation === this.#session.generation && session.ticket === this.#session.ticket) return;
    this.#session = session;
    this.#options.storage.saveSession(session).catch((error) => this.#events.emit('error', asError(error)));
  }

  #newPending(): PendingConnect {
    const { connectTimeoutMs, platform } = this.#options;
    const late = (): void => this.#giveUp(new ConnectError(`not logged in within ${connectTimeoutMs} ms`));
    return new PendingConnect(platform.clock, connectTimeoutMs, late);
  }

  #giveUp(error: ConnectError): void {
    this.#clearTimer();
    this.#attempt += 1;
    this.#moveTo(ConnectionState.Idle);
    this.#dropConnection();
    this.#settle(error);
  }

  #dropConnection(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    connection.disconnect();
    this.#owner.onOffline();
  }

  #settle(error: Error | undefined): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.settle(error);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#options.platform.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #moveTo(state: ConnectionState): void {
    if (!STATE_TRANSITIONS[this.#state].includes(state)) throw new Error(`no step from ${this.#state} to ${state}`);
    this.#state = state;
  }
}
