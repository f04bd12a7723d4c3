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
import { StreamAppend } from '../bus/stream-append.ts';
import type { AppId, Epoch, Uid } from '../model/ids.ts';
import { Command, ErrorCode } from '../protocol/index.ts';
import { SessionRegistry } from '../session/session-registry.ts';
import {
  type CommitSink,
  type Committed,
  type Operation,
  OperationType,
  type RefusalReason,
  type StoredMessage,
  type StoreInfo,
} from '../store/store.ts';
import { dispatchToLogic, type LogicFrameHandler } from '../trunk/trunk-dispatch.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import {
  type ApiKickFrame,
  type ApiPushFrame,
  type ApiSessionsFrame,
  type BackupFrame,
  type RegisterFrame,
  TRUNK_VERSION,
} from '../trunk/trunk-protocol.ts';
import { TrunkServer, type TrunkServerOwner } from '../trunk/trunk-server.ts';
import { PushAppend, SendAppend } from './append-operations.ts';
import { Backups } from './backups.ts';
import { CommandTable } from './command-table.ts';
import { Cursors } from './cursors.ts';
import { Delivery } from './delivery.ts';
import { HoldSet } from './hold-set.ts';
import { LogicCounters } from './logic-counters.ts';
import type { LogicOptions } from './logic-options.ts';
import { Login } from './login.ts';
import { LoginLimits } from './login-limits.ts';
import { PushApi, SYSTEM_SENDER } from './push-api.ts';
import { type Reauthenticate, Reauthentication } from './reauthentication.ts';
import { Registration } from './registration.ts';
import { ErrorReplies } from './replies.ts';
import { Send } from './send.ts';
import { type KickRevoke, SessionAdmin } from './session-admin.ts';
import { type LiveSession, SessionLifecycle } from './session-lifecycle.ts';
import { Sync } from './sync.ts';

const LogicState = { New: 0, Running: 1, Stopping: 2, Stopped: 3, Failed: 4 } as const;
type LogicState = (typeof LogicState)[keyof typeof LogicState];

export class Logic implements TrunkServerOwner, LogicFrameHandler<TrunkLink>, CommitSink, StreamHost {
  readonly systemSender: Uid = SYSTEM_SENDER;
  readonly counters: LogicCounters = new LogicCounters();
  readonly sessions: SessionRegistry<TrunkLink> = new SessionRegistry();
  /** Who handles which command; a newer command is one more row. */
  readonly commands: CommandTable = new CommandTable();
  readonly errors: ErrorReplies;
  readonly #options: LogicOptions;
  readonly #cursors: Cursors;
  readonly #lifecycle: SessionLifecycle;
  readonly #login: Login;
  readonly #send: Send;
  readonly #sync: Sync;
  readonly #reauthentication: Reauthentication;
  readonly #registration: Registration;
  readonly #pushApi: PushApi;
  readonly #admin: SessionAdmin;
  readonly #backups: Backups;
  #delivery: Delivery | undefined;
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
    this.#cursors = cursors;
    this.#lifecycle = lifecycle;
    this.#login = new Login(options, apps, lifecycle, cursors, counters, logins);
    this.#registration = new Registration(store, clock, log, sessions, lifecycle, counters);
    const send = new Send(store, holds, lifecycle, errors, this.#registration.isConfirmed);
    const sync = new Sync(store, clock, log, limits, lifecycle, cursors, errors, counters);
    this.#send = send;
    this.#sync = sync;
    const knowsApp = (app: string): boolean => apps.has(app);
    this.#pushApi = new PushApi(store, knowsApp, counters);
    this.#admin = new SessionAdmin(store, clock, sessions, lifecycle, knowsApp, counters);
    this.#backups = new Backups(options.backup, log);
    this.#reauthentication = new Reauthentication(options, lifecycle, errors, counters);
    this.commands
      .set(Command.Send, send.handle)
      .set(Command.Sync, sync.handle)
      .set(Command.Reauth, this.#reauthentication.handle);
  }

  /** Opens the store, then listens for gates. Rejects with what the operator must know. */
  async start(): Promise<StoreInfo> {
    const { store, transport, clock, addresses, times, bootId, trunkAccess } = this.#options;
    const info = await store.open(this);
    this.#delivery = new Delivery(this.sessions, this.errors, this.#pushApi, this.counters, info.durability);
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
    this.#cursors.flush();
    await this.#options.store.close();
    await this.#server?.stop();
    if (this.#state !== LogicState.Failed) this.#state = LogicState.Stopped;
  }

  onLinkUp(link: TrunkLink): void {
    this.counters.linksUp++;
    this.#options.log.debug({ peer: link.peerName, boot: link.peerBootId }, 'a trunk link is up');
  }

  onLinkDown(link: TrunkLink, reason: string): void {
    this.counters.linksDown++;
    this.#options.log.debug({ peer: link.peerName, boot: link.peerBootId, reason }, 'a trunk link is down');
    this.#login.linkDown(link);
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
    this.counters.commandsIn[command]!++;
    const handler = this.commands.get(command);
    if (handler === undefined) this.errors.write(session, requestId, ErrorCode.UnknownCommand);
    else if (command !== Command.Send && !this.#registration.isConfirmed(session)) {
      // SEND refuses by itself: what follows it must be held.
      this.errors.write(session, requestId, ErrorCode.Busy);
    } else handler(session, requestId, bytes, start, end);
  }

  onCursor(link: TrunkLink, slot: number, serial: number, epoch: number, seq: number): void {
    const session = this.sessions.find(link, slot, serial);
    if (session === undefined) return;
    this.counters.cursorsIn++;
    this.#cursors.acknowledge(session, epoch, seq);
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
    this.#registration.handle(link, slot, serial, frame);
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
    for (const operation of batch) {
      if (operation.type === OperationType.Append) this.#delivery?.committed(operation);
      else if (operation.type === OperationType.Login) this.#login.committed(operation);
      else if (operation.type === OperationType.Revoke) this.#admin.committed(operation as Committed<KickRevoke>);
      else if (operation.type === OperationType.Reauthenticate)
        this.#reauthentication.committed(operation as Committed<Reauthenticate>);
    }
  }

  faultOf(push: PushEntry): ErrorCode | 0 {
    return this.#pushApi.faultOf(push);
  }

  copied(app: AppId, epoch: Epoch, message: StoredMessage): void {
    this.#delivery?.copied(app, epoch, message);
  }

  refused(operation: Operation, reason: RefusalReason): void {
    if (operation instanceof SendAppend) this.#send.refused(operation, reason);
    else if (operation instanceof PushAppend) this.#pushApi.refused(operation, reason);
    else if (operation instanceof StreamAppend) operation.context.refused(operation);
    else if (operation.type === OperationType.Login) this.#login.refused(operation, reason);
    else if (operation.type === OperationType.Cursor) this.#cursors.refused(operation);
    else if (operation.type === OperationType.Revoke) this.#admin.refused(operation as KickRevoke, reason);
    else if (operation.type === OperationType.Reauthenticate)
      this.#reauthentication.refused(operation as Reauthenticate, reason);
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
