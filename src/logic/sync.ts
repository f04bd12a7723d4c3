/**
 * Reading timelines for clients: SYNC pages, and the re-push of what a device did not acknowledge.
 *
 *   SYNC{after} ─► cursor := after ─► page ─► SYNCACK      (the second pull acknowledges the first)
 *                  another epoch, or after > head ─► RESYNC
 *                  after < floor − 1 ─────────────► GAP
 *
 * One pull at a time for a session, a bounded number of reads in flight for all, the rest in order. The store answers
 * only what is committed, so everything read here may be shown.
 */
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Seq } from '../model/ids.ts';
import {
  CloseReason,
  Command,
  ErrorCode,
  readSync,
  SERVER_BODY_BYTES_MAX,
  SYNC_LIMIT_MAX,
  writeGapBody,
  writeResyncBody,
} from '../protocol/index.ts';
import type { Store, TimelinePage } from '../store/store.ts';
import { beginBody, beginPush, beginReply, endBody } from '../trunk/trunk-frames.ts';
import { AdmissionQueue } from './admission-queue.ts';
import type { CommandHandler } from './command-table.ts';
import type { Cursors } from './cursors.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { LogicLimits } from './logic-options.ts';
import { PageWriter } from './page-writer.ts';
import type { ErrorReplies } from './replies.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

const READS_IN_FLIGHT_MAX = 64;
const READS_WAITING_MAX = 65_536;
const READ_WAIT_MS_MAX = 10_000;
/** Leaves room in a server body for the last message and for what surrounds the payloads. */
const PAGE_BYTES_MAX: number = SERVER_BODY_BYTES_MAX / 2;

interface Read {
  readonly session: LiveSession;
  /** 0 for a re-push: nobody waits for an answer. */
  readonly requestId: number;
  readonly repush: boolean;
  readonly epoch: number;
  readonly after: number;
  readonly limit: number;
  readonly bytesMax: number;
}

export class Sync {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #limits: LogicLimits;
  readonly #lifecycle: SessionLifecycle;
  readonly #cursors: Cursors;
  readonly #errors: ErrorReplies;
  readonly #counters: LogicCounters;
  readonly #pages: PageWriter = new PageWriter();
  readonly #pulling: Set<LiveSession> = new Set();
  readonly #queue: AdmissionQueue<Read>;

  constructor(
    store: Store,
    clock: Clock,
    log: Logger,
    limits: LogicLimits,
    lifecycle: SessionLifecycle,
    cursors: Cursors,
    errors: ErrorReplies,
    counters: LogicCounters,
  ) {
    this.#store = store;
    this.#log = log;
    this.#limits = limits;
    this.#lifecycle = lifecycle;
    this.#cursors = cursors;
    this.#errors = errors;
    this.#counters = counters;
    this.#queue = new AdmissionQueue({
      clock,
      runningMax: READS_IN_FLIGHT_MAX,
      waitingMax: READS_WAITING_MAX,
      waitMsMax: READ_WAIT_MS_MAX,
      start: (read) => void this.#run(read),
      expired: (read) => this.#fail(read, ErrorCode.Busy),
    });
  }

  readonly handle: CommandHandler = (session, requestId, bytes, start, end) => {
    const body = readSync(bytes, start, end);
    if (body === undefined) {
      this.#lifecycle.end(session, CloseReason.MalformedBody);
      return;
    }
    if (session.sendOnly) this.#errors.write(session, requestId, ErrorCode.Forbidden);
    else if (body.limit === 0) this.#errors.write(session, requestId, ErrorCode.BadRequest);
    else if (this.#pulling.has(session)) this.#errors.write(session, requestId, ErrorCode.Busy);
    else {
      const { epoch, after } = body;
      const limit = Math.min(body.limit, SYNC_LIMIT_MAX, this.#limits.syncPageMessages);
      const bytesMax = Math.min(this.#limits.syncPageBytes, PAGE_BYTES_MAX);
      this.#pulling.add(session);
      this.#offer({ session, requestId, repush: false, epoch, after, limit, bytesMax });
    }
  };

  /** Pushes what comes after `after` once more, as far as the window reaches. */
  repush(session: LiveSession, epoch: number, after: number): void {
    if (session.sendOnly) return;
    this.#counters.repushes++;
    const { windowMessages: limit, windowBytes: bytesMax } = this.#limits;
    this.#offer({ session, requestId: 0, repush: true, epoch, after, limit, bytesMax });
  }

  stop(): void {
    this.#queue.stop();
  }

  #offer(read: Read): void {
    if (!this.#queue.offer(read)) this.#fail(read, ErrorCode.Busy);
  }

  async #run(read: Read): Promise<void> {
    const { session, after, limit, bytesMax } = read;
    let page: TimelinePage | undefined;
    try {
      if (isLive(session))
        page = await this.#store.readTimeline(session.app, session.uid, after as Seq, limit, bytesMax);
    } catch (error) {
      this.#log.error({ error }, 'a timeline cannot be read');
      this.#fail(read, ErrorCode.StoreUnavailable);
    }
    if (!read.repush) this.#pulling.delete(session);
    if (page !== undefined && isLive(session)) this.#answer(read, page);
    this.#queue.finished();
  }

  #answer(read: Read, page: TimelinePage): void {
    const { session, epoch, after } = read;
    if (read.repush) {
      if (epoch === page.epoch) this.#pushAgain(session, page);
    } else if (epoch !== page.epoch || after > page.head) this.#resync(read, page);
    else {
      this.#cursors.acknowledge(session, epoch, after);
      if (after < page.floor - 1) this.#gap(read, page);
      else this.#page(read, page);
    }
    session.link.touch();
  }

  #page(read: Read, page: TimelinePage): void {
    const { session, requestId, epoch, after } = read;
    this.#counters.syncs++;
    this.#counters.syncMessages += page.messages.length;
    const pushedSeq = page.messages.at(-1)?.seq ?? after;
    const { writer } = session.link;
    const frame = beginReply(writer, session.slot, session.serial, Command.Syncack, requestId, epoch, after, pushedSeq);
    const body = beginBody(writer);
    this.#pages.writePage(writer, session.uid, page);
    endBody(writer, frame, body);
  }

  #resync({ session, requestId }: Read, { epoch, floor, head }: TimelinePage): void {
    this.#counters.resyncs++;
    const { writer } = session.link;
    const before = floor - 1;
    const frame = beginReply(writer, session.slot, session.serial, Command.Resync, requestId, epoch, before, before);
    const body = beginBody(writer);
    writeResyncBody(writer, { epoch, floor, head });
    endBody(writer, frame, body);
  }

  #gap({ session, requestId }: Read, { epoch, floor, head }: TimelinePage): void {
    this.#counters.gaps++;
    const { writer } = session.link;
    const before = floor - 1;
    const frame = beginReply(writer, session.slot, session.serial, Command.Gap, requestId, epoch, before, before);
    const body = beginBody(writer);
    writeGapBody(writer, { epoch, floor, head });
    endBody(writer, frame, body);
  }

  #pushAgain(session: LiveSession, page: TimelinePage): void {
    const { writer } = session.link;
    for (const message of page.messages) {
      const frame = beginPush(writer, session.slot, session.serial, page.epoch, message.seq);
      const body = beginBody(writer);
      this.#pages.writeMessage(writer, session.uid, page.epoch, message);
      endBody(writer, frame, body);
      this.#counters.pushes++;
    }
  }

  #fail(read: Read, code: ErrorCode): void {
    if (read.repush) return;
    this.#pulling.delete(read.session);
    if (isLive(read.session)) this.#errors.write(read.session, read.requestId, code);
  }
}

function isLive(session: LiveSession): boolean {
  return !session.ended && !session.link.closed;
}
