/**
 * Logic: authenticates, routes, commits, acknowledges, pushes, syncs. This file only connects; each noun has its own.
 *
 *   gates, apis ═trunk═► LogicFrameHandler ─► login · send · sync · registration · push-api ─► store.submit
 *   gates, apis ◄═trunk═ delivery · login · cursors ◄─ CommitSink ◄──────────── one commit per batch ┘
 *
 * Whatever a client can observe is written after the commit that it reports. Nothing is kept here that a restart could
 * not rebuild: sessions come back from the gates, everything else is in the store.
 */
import type { StreamHost } from '../bus/entry-handler.ts';
import type { PushEntry } from '../bus/push-entry.ts';
import type { AppId, Epoch, PartitionNumber, Uid } from '../model/ids.ts';
import { Command, type ErrorCode } from '../protocol/index.ts';
import { SessionRegistry } from '../session/session-registry.ts';
import type { CommitSink, Committed, Operation, RefusalReason, StoredMessage, StoreInfo } from '../store/store.ts';
import { dispatchToLogic, type LogicFrameHandler } from '../trunk/trunk-dispatch.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import {
  type ApiKickFrame,
  type ApiPushFrame,
  type ApiSessionsFrame,
  type BackupFrame,
  type RegisterFrame,
  type SessionIdentity,
  TRUNK_VERSION,
} from '../trunk/trunk-protocol.ts';
import { TrunkServer, type TrunkServerOwner } from '../trunk/trunk-server.ts';
import { Backups } from './backups.ts';
import { CommandTable } from './command-table.ts';
import { Cursors } from './cursors.ts';
import { Delivery } from './delivery.ts';
import { Guests } from './guests.ts';
import { HoldSet } from './hold-set.ts';
import { LogicCounters } from './logic-counters.ts';
import type { LogicOptions } from './logic-options.ts';
import { Login } from './login.ts';
import { LoginLimits } from './login-limits.ts';
import { Outcomes } from './outcomes.ts';
import { Ownership } from './ownership.ts';
import { PushApi, SYSTEM_SENDER } from './push-api.ts';
import { Reauthentication } from './reauthentication.ts';
import { Registration } from './registration.ts';
import { ErrorReplies } from './replies.ts';
import { Send } from './send.ts';
import { SessionAdmin } from './session-admin.ts';
import { type LiveSession, SessionLifecycle } from './session-lifecycle.ts';
import { Sync } from './sync.ts';

const LogicState = { New: 0, Running: 1, Stopping: 2, Stopped: 3, Failed: 4 } as const;
type LogicState = (typeof LogicState)[keyof typeof LogicState];

export class Logic implements TrunkServerOwner, LogicFrameHandler<TrunkLink>, CommitSink, StreamHost {
  readonly systemSender: Uid = SYSTEM_SENDER;
  readonly counters: LogicCounters = new LogicCounters();
  readonly sessions: SessionRegistry<TrunkLink> = new SessionRegistry();
  /** Who handles which command; a newer command is one more row. */
  readonly commands: CommandTable;
  readonly errors: ErrorReplies;
  /** What this logic owns of the store; told by a store that others share. */
  readonly ownership: Ownership;
  readonly guests: Guests;
  readonly cursors: Cursors;
  readonly #options: LogicOptions;
  readonly #lifecycle: SessionLifecycle;
  readonly #login: Login;
  readonly #sync: Sync;
  readonly #reauthentication: Reauthentication;
  readonly #registration: Registration;
  readonly #pushApi: PushApi;
  readonly #admin: SessionAdmin;
  readonly #backups: Backups;
  readonly #outcomes: Outcomes;
  #server: TrunkServer | undefined;
  #state: LogicState = LogicState.New;
  #stopping: Promise<void> | undefined;

  constructor(options: LogicOptions) {
    const { store, clock, random, log, limits } = options;
    const { counters, sessions } = this;
    this.#options = options;
    const apps = new Map(options.apps.map((app) => [app.id, app]));
    const holds = new HoldSet<LiveSession>();
    this.errors = new ErrorReplies(random, counters);
    const { errors } = this;
    const cursors = new Cursors(store, clock, limits.cursorFlushMs, counters);
    const logins = new LoginLimits(clock, options.loginLimits);
    const lifecycle = new SessionLifecycle(sessions, cursors, holds, counters, clock, logins, limits.sessionMaxAgeMs);
    this.cursors = cursors;
    this.#lifecycle = lifecycle;
    this.#login = new Login(options, apps, lifecycle, cursors, counters, logins);
    this.#registration = new Registration(store, clock, log, sessions, lifecycle, counters);
    this.guests = new Guests(clock, holds);
    const links = (): Iterable<TrunkLink> => this.#server?.links ?? [];
    this.ownership = new Ownership(store, clock, log, sessions, lifecycle, counters, links);
    const send = new Send(store, holds, lifecycle, errors, this.#registration.isConfirmed);
    const sync = new Sync(store, clock, log, limits, lifecycle, cursors, errors, counters);
    this.#sync = sync;
    const knowsApp = (app: string): boolean => apps.has(app);
    this.#pushApi = new PushApi(store, knowsApp, counters);
    this.#admin = new SessionAdmin(store, clock, sessions, lifecycle, knowsApp, counters);
    this.#backups = new Backups(options.backup, log);
    this.#reauthentication = new Reauthentication(options, lifecycle, errors, counters);
    this.#outcomes = new Outcomes(this.#login, send, this.#pushApi, cursors, this.#admin, this.#reauthentication);
    this.commands = new CommandTable(errors, this.#registration.isConfirmed, counters)
      .set(Command.Send, send.handle)
      .set(Command.Sync, sync.handle)
      .set(Command.Reauth, this.#reauthentication.handle);
  }

  /** Opens the store, then listens for gates. Rejects with what the operator must know. */
  async start(): Promise<StoreInfo> {
    const { store, transport, clock, addresses, times, bootId, trunkAccess } = this.#options;
    const info = await store.open(this);
    this.#lifecycle.partitions = info.partitions;
    if (info.shared !== true) this.ownership.ownAll(info.partitions);
    this.#outcomes.delivery = new Delivery(this.sessions, this.errors, this.#pushApi, this.counters, info.durability);
    const welcome = { version: TRUNK_VERSION, bootId, partitions: info.partitions, durability: info.durability };
    this.#server = new TrunkServer({ transport, clock, addresses, times, welcome, access: trunkAccess }, this);
    this.#state = LogicState.Running;
    await this.#server.start();
    return info;
  }

  /** Takes nothing new, finishes what was submitted, answers it, then leaves. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#state === LogicState.Running) this.#state = LogicState.Stopping;
    this.#login.stop();
    this.#sync.stop();
    this.#reauthentication.stop();
    this.#registration.stop();
    this.#lifecycle.stop();
    this.ownership.stop();
    this.guests.stop();
    this.cursors.flush();
    await this.#options.store.close();
    await this.#server?.stop();
    if (this.#state !== LogicState.Failed) this.#state = LogicState.Stopped;
  }

  onLinkUp(link: TrunkLink): void {
    this.counters.linksUp++;
    this.ownership.tell(link);
    this.#options.log.debug({ peer: link.peerName, boot: link.peerBootId }, 'a trunk link is up');
  }

  onLinkDown(link: TrunkLink, reason: string): void {
    this.counters.linksDown++;
    this.#options.log.debug({ peer: link.peerName, boot: link.peerBootId, reason }, 'a trunk link is down');
    this.#login.linkDown(link);
    this.guests.linkDown(link);
    this.#lifecycle.linkDown(link);
  }

  onFrame(link: TrunkLink, command: number, slot: number, bytes: Buffer, start: number, end: number): boolean {
    // What comes while logic leaves stays unanswered: its outcome is unknown, and the gate says so when the link ends.
    if (this.#state !== LogicState.Running) return true;
    this.counters.trunkFramesIn++;
    return dispatchToLogic(this, link, command, slot, bytes, start, end);
  }

  onLogin(
    link: TrunkLink,
    slot: number,
    serial: number,
    remoteAddress: string,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.#login.handle(link, slot, serial, remoteAddress, bytes, start, end);
  }

  onForward(
    link: TrunkLink,
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const session = this.sessions.find(link, slot, serial);
    if (session === undefined) {
      this.counters.staleCommands++;
      return;
    }
    this.commands.run(session, command, requestId, bytes, start, end);
  }

  hasGuest(link: TrunkLink, slot: number, serial: number): boolean {
    return this.guests.find(link, slot, serial) !== undefined;
  }

  onGuest(link: TrunkLink, slot: number, serial: number, identity: SessionIdentity): void {
    this.guests.admit(link, slot, serial, identity);
  }

  onForwardFor(
    link: TrunkLink,
    slot: number,
    serial: number,
    command: number,
    requestId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const guest = this.guests.find(link, slot, serial);
    if (guest === undefined || guest.ended) return;
    this.counters.guestCommands++;
    this.commands.run(guest, command, requestId, bytes, start, end);
  }

  onCursor(link: TrunkLink, slot: number, serial: number, epoch: number, seq: number): void {
    const session = this.sessions.find(link, slot, serial);
    if (session === undefined) return;
    this.counters.cursorsIn++;
    this.cursors.report(session, epoch, seq);
  }

  onRepush(link: TrunkLink, slot: number, serial: number, epoch: number, after: number): void {
    const session = this.sessions.find(link, slot, serial);
    if (session !== undefined) this.#sync.repush(session, epoch, after);
  }

  onSessionClosed(
    link: TrunkLink,
    slot: number,
    serial: number,
    reason: number,
    epoch: number,
    ackedSeq: number,
  ): void {
    this.#login.closed(link, slot, serial);
    this.#lifecycle.closed(link, slot, serial, reason, epoch, ackedSeq);
  }

  onRegister(link: TrunkLink, slot: number, serial: number, frame: RegisterFrame): void {
    // A gate that has not heard yet who owns its user tells that one as well.
    if (this.ownership.owns(this.#lifecycle.partitionOf(frame))) {
      this.#registration.handle(link, slot, serial, frame);
    }
  }

  onApiPush(link: TrunkLink, requestId: number, frame: ApiPushFrame): void {
    this.#pushApi.handle(link, requestId, frame);
  }

  onApiKick(link: TrunkLink, requestId: number, frame: ApiKickFrame): void {
    this.#admin.kick(link, requestId, frame);
  }

  onApiSessions(link: TrunkLink, requestId: number, frame: ApiSessionsFrame): void {
    this.#admin.list(link, requestId, frame);
  }

  onBackup(link: TrunkLink, requestId: number, frame: BackupFrame): void {
    void this.#backups.handle(link, requestId, frame);
  }

  committed(batch: readonly Committed<Operation>[]): void {
    this.counters.commits++;
    this.#outcomes.committed(batch);
  }

  faultOf(push: PushEntry): ErrorCode | 0 {
    return this.#pushApi.faultOf(push);
  }

  copied(app: AppId, epoch: Epoch, message: StoredMessage): void {
    this.#outcomes.delivery?.copied(app, epoch, message);
  }

  refused(operation: Operation, reason: RefusalReason): void {
    this.#outcomes.refused(operation, reason);
  }

  /** The partition has another owner, or will: the outcome of these operations is not known. */
  lost(partition: PartitionNumber, unknown: readonly Operation[]): void {
    this.#outcomes.lost(unknown);
    this.ownership.lost(partition);
  }

  /** Nothing is acknowledged any more. Ending the links lets the gates answer that the outcome is unknown. */
  failed(error: Error): void {
    if (this.#state === LogicState.Failed) return;
    this.#state = LogicState.Failed;
    this.#options.log.error({ error }, 'the store failed; this process must end');
    void this.#server?.stop();
    this.#options.onFatal(error);
  }
}
