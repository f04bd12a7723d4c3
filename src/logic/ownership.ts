/**
 * Which partitions this logic owns, and what follows when that changes.
 *
 *   acquired      ─► Owned to all gates and apis ─► their sessions register
 *   lost          ─► Owned without it ─► the gates answer RETRY_LATER for what was in flight; its sessions are dropped here
 *   epochChanged  ─► every live session of the partition: RESYNC {epoch, floor, head}
 *
 * What changes within a tick is announced once, as a whole list. Nothing is said to clients about what was lost: their
 * gates have a better view of what is unanswered. A store that is not shared is owned as a whole, under owner epoch 1.
 */
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Epoch, PartitionNumber } from '../model/ids.ts';
import type { SessionRegistry } from '../session/session-registry.ts';
import type { Store } from '../store/store.ts';
import { writeOwned } from '../trunk/owned-frames.ts';
import { writeTrunkResync } from '../trunk/trunk-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { AdmissionQueue } from './admission-queue.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

const SOLE_OWNER_EPOCH = 1;
const READS_IN_FLIGHT_MAX = 64;
/** Gates and apis; a command line asks one question and does not care. */
const ROLES_TOLD: ReadonlySet<string> = new Set(['gate', 'api']);

export class Ownership {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sessions: SessionRegistry<TrunkLink>;
  readonly #lifecycle: SessionLifecycle;
  readonly #counters: LogicCounters;
  readonly #links: () => Iterable<TrunkLink>;
  readonly #owned: Map<number, number> = new Map();
  readonly #lost: Set<number> = new Set();
  readonly #resyncs: AdmissionQueue<LiveSession>;
  #isAnnouncing = false;

  constructor(
    store: Store,
    clock: Clock,
    log: Logger,
    sessions: SessionRegistry<TrunkLink>,
    lifecycle: SessionLifecycle,
    counters: LogicCounters,
    links: () => Iterable<TrunkLink>,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#sessions = sessions;
    this.#lifecycle = lifecycle;
    this.#counters = counters;
    this.#links = links;
    this.#resyncs = new AdmissionQueue({
      clock,
      runningMax: READS_IN_FLIGHT_MAX,
      waitingMax: Number.MAX_SAFE_INTEGER,
      waitMsMax: Number.POSITIVE_INFINITY,
      start: (session) => void this.#resync(session),
      expired: () => undefined,
    });
  }

  get size(): number {
    return this.#owned.size;
  }

  owns(partition: number): boolean {
    return this.#owned.has(partition);
  }

  /** The store is this logic's alone. */
  ownAll(partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) this.#owned.set(partition, SOLE_OWNER_EPOCH);
  }

  acquired(partition: PartitionNumber, ownerEpoch: number): void {
    this.#owned.set(partition, ownerEpoch);
    this.#announceLater();
  }

  lost(partition: PartitionNumber): void {
    if (!this.#owned.delete(partition)) return;
    this.#lost.add(partition);
    this.#announceLater();
  }

  epochChanged(partition: PartitionNumber, epoch: Epoch, operations: number): void {
    this.#log.error({ partition, epoch, operations }, 'acknowledged writes are gone: a new epoch begins');
    this.#sessions.forEach((session) => {
      if (session.partition === partition && !session.ended && !session.sendOnly) this.#resyncs.offer(session);
    });
  }

  /** Tells one link all that is owned. */
  tell(link: TrunkLink): void {
    if (!ROLES_TOLD.has(link.peerRole)) return;
    writeOwned(
      link.writer,
      [...this.#owned].map(([partition, ownerEpoch]) => ({ partition, ownerEpoch })),
    );
    link.touch();
  }

  stop(): void {
    this.#resyncs.stop();
  }

  #announceLater(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    this.#clock.defer(() => {
      this.#isAnnouncing = false;
      this.#dropLost();
      for (const link of this.#links()) this.tell(link);
      this.#log.info({ partitions: this.#owned.size }, 'partitions are owned here');
    });
  }

  /** Before the announcement: a session that is registered because of it is not one of these. */
  #dropLost(): void {
    if (this.#lost.size === 0) return;
    const lost: LiveSession[] = [];
    this.#sessions.forEach((session) => {
      if (this.#lost.has(session.partition)) lost.push(session);
    });
    this.#counters.sessionsHandedOver += lost.length;
    for (const session of lost) this.#lifecycle.drop(session);
    this.#lost.clear();
  }

  async #resync(session: LiveSession): Promise<void> {
    try {
      const { epoch, floor, head } = await this.#store.readUser(session.app, session.uid);
      if (!session.ended && !session.link.closed) {
        this.#counters.resyncs++;
        writeTrunkResync(session.link.writer, session.slot, session.serial, epoch, floor, head);
        session.link.touch();
      }
    } catch (error) {
      // The session's next pull finds the new epoch all the same.
      this.#log.warn({ error }, 'a user whose epoch changed cannot be read');
    }
    this.#resyncs.finished();
  }
}
