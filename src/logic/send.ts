/**
 * SEND: checks, hold, and the operation that goes to the store. The answer comes with the commit (`delivery.ts`), or
 * with the refusal, which puts the target on hold for this session.
 */
import { CloseReason, ErrorCode, readSend, SendFlag, TargetType } from '../protocol/index.ts';
import { RefusalReason, type Store } from '../store/store.ts';
import { SendAppend } from './append-operations.ts';
import type { CommandHandler } from './command-table.ts';
import type { HoldSet } from './hold-set.ts';
import { messageFault } from './message-rules.ts';
import type { ErrorReplies } from './replies.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

export class Send {
  readonly #store: Store;
  readonly #holds: HoldSet<LiveSession>;
  readonly #lifecycle: SessionLifecycle;
  readonly #errors: ErrorReplies;
  /** Whether the session is known to be current. */
  readonly #isConfirmed: (session: LiveSession) => boolean;

  constructor(
    store: Store,
    holds: HoldSet<LiveSession>,
    lifecycle: SessionLifecycle,
    errors: ErrorReplies,
    isConfirmed: (session: LiveSession) => boolean,
  ) {
    this.#store = store;
    this.#holds = holds;
    this.#lifecycle = lifecycle;
    this.#errors = errors;
    this.#isConfirmed = isConfirmed;
  }

  readonly handle: CommandHandler = (session, requestId, bytes, start, end) => {
    const body = readSend(bytes, start, end);
    if (body === undefined) {
      this.#lifecycle.end(session, CloseReason.MalformedBody);
      return;
    }
    const { target, clientMsgId, payload } = body;
    const fault =
      body.targetType === TargetType.User ? messageFault(target, clientMsgId, payload) : ErrorCode.BadTarget;
    if (fault !== 0) {
      this.#errors.write(session, requestId, fault);
      return;
    }
    if (!this.#isConfirmed(session)) {
      this.#refuse(session, requestId, target, ErrorCode.Busy);
      return;
    }
    if (this.#holds.has(session, target)) {
      if ((body.flags & SendFlag.Restart) === 0) {
        this.#errors.write(session, requestId, ErrorCode.Held);
        return;
      }
      this.#holds.release(session, target);
    }
    // The payload is a view of the link's read buffer; the operation outlives it.
    this.#store.submit(new SendAppend(session, requestId, target, clientMsgId, Buffer.from(payload)));
  };

  /** The store has certainly not written it. */
  refused(operation: SendAppend, reason: RefusalReason): void {
    const code = reason === RefusalReason.Busy ? ErrorCode.Busy : ErrorCode.StoreUnavailable;
    this.#refuse(operation.context, operation.requestId, operation.target, code);
  }

  #refuse(session: LiveSession, requestId: number, target: string, code: ErrorCode): void {
    if (session.link.closed || session.ended) return;
    this.#errors.write(session, requestId, code);
    if (!this.#holds.hold(session, target)) this.#lifecycle.end(session, CloseReason.HoldOverflow);
  }
}
