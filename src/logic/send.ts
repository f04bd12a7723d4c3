/**
 * SEND: checks, hold, and the operation that goes to the store. The answer comes with the commit (`delivery.ts`), or
 * with the refusal, which puts the target on hold for this session.
 */
import { isIdentifier } from '../model/ids.ts';
import {
  CLIENT_MSG_ID_BYTES_MAX,
  CloseReason,
  ErrorCode,
  PAYLOAD_BYTES_MAX,
  SendFlag,
  TargetType,
} from '../protocol/index.ts';
import { RefusalReason, type Store } from '../store/store.ts';
import { SendAppend } from './append-operations.ts';
import type { CommandHandler } from './command-table.ts';
import type { HoldSet } from './hold-set.ts';
import type { ErrorReplies } from './replies.ts';
import { SendFrame } from './send-frame.ts';
import type { LiveSession, SessionLifecycle } from './session-lifecycle.ts';

export class Send {
  readonly #store: Store;
  readonly #holds: HoldSet<LiveSession>;
  readonly #lifecycle: SessionLifecycle;
  readonly #errors: ErrorReplies;
  /** Whether the session is known to be current. */
  readonly #isConfirmed: (session: LiveSession) => boolean;
  readonly #frame = new SendFrame();

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
    const frame = this.#frame;
    if (!frame.read(bytes, start, end)) {
      this.#lifecycle.end(session, CloseReason.MalformedBody);
      return;
    }
    const { target } = frame;
    const fault = this.#fault(frame);
    if (fault !== 0) {
      this.#errors.write(session, requestId, fault);
      return;
    }
    if (!this.#isConfirmed(session)) {
      this.#errors.writeUnconfirmed(session, requestId);
      this.#hold(session, target);
      return;
    }
    if (this.#holds.has(session, target)) {
      if ((frame.flags & SendFlag.Restart) === 0) {
        this.#errors.write(session, requestId, ErrorCode.Held);
        return;
      }
      this.#holds.release(session, target);
    }
    this.#store.submit(new SendAppend(session, requestId, target, frame));
  };

  /** The store has certainly not written it. */
  refused(operation: SendAppend, reason: RefusalReason): void {
    const code = reason === RefusalReason.Busy ? ErrorCode.Busy : ErrorCode.StoreUnavailable;
    this.#refuse(operation.context, operation.requestId, operation.target, code);
  }

  /** 0, or why the message is refused for good. */
  #fault(frame: SendFrame): ErrorCode | 0 {
    const { target } = frame;
    if (frame.targetType !== TargetType.User) return ErrorCode.BadTarget;
    if (!frame.hasKnownTarget) {
      if (!isIdentifier(target)) return ErrorCode.BadTarget;
      frame.learnTarget(target);
    }
    const idBytes = frame.idEnd - frame.idStart;
    if (idBytes === 0 || idBytes > CLIENT_MSG_ID_BYTES_MAX) return ErrorCode.BadClientMsgId;
    return frame.payloadEnd - frame.payloadStart > PAYLOAD_BYTES_MAX ? ErrorCode.PayloadTooLarge : 0;
  }

  #refuse(session: LiveSession, requestId: number, target: string, code: ErrorCode): void {
    if (session.link.closed || session.ended) return;
    this.#errors.write(session, requestId, code);
    this.#hold(session, target);
  }

  #hold(session: LiveSession, target: string): void {
    if (!this.#holds.hold(session, target)) this.#lifecycle.end(session, CloseReason.HoldOverflow);
  }
}
