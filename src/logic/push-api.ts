/** Pushes of the business (ApiPush): stored like any message, answered at the commit. */
import type { Durability } from '../model/durability.ts';
import { isIdentifier, type Uid } from '../model/ids.ts';
import { ErrorCode } from '../protocol/index.ts';
import { type AppendOperation, AppendStatus, type Committed, RefusalReason, type Store } from '../store/store.ts';
import { writeApiPushed } from '../trunk/api-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { ApiPushFrame } from '../trunk/trunk-protocol.ts';
import { PushAppend } from './append-operations.ts';
import type { LogicCounters } from './logic-counters.ts';
import { messageFault } from './message-rules.ts';

/** Who a push comes from when the business names nobody. */
export const SYSTEM_SENDER: Uid = 'system' as Uid;

export class PushApi {
  readonly #store: Store;
  readonly #knowsApp: (app: string) => boolean;
  readonly #counters: LogicCounters;

  constructor(store: Store, knowsApp: (app: string) => boolean, counters: LogicCounters) {
    this.#store = store;
    this.#knowsApp = knowsApp;
    this.#counters = counters;
  }

  handle(link: TrunkLink, requestId: number, frame: ApiPushFrame): void {
    this.#counters.apiPushes++;
    const fault = this.faultOf(frame);
    if (fault !== 0) {
      this.#refuse(link, requestId, fault);
      return;
    }
    const { app, to, clientMsgId } = frame;
    const from = frame.from === '' ? SYSTEM_SENDER : frame.from;
    const payload = Buffer.from(frame.payload);
    this.#store.submit(new PushAppend(link, requestId, app, from, to, clientMsgId, payload));
  }

  committed(operation: Committed<AppendOperation> & PushAppend, durability: Durability): void {
    const link = operation.context;
    if (link.closed) return;
    if (operation.status === AppendStatus.Conflict) {
      this.#refuse(link, operation.requestId, ErrorCode.Conflict);
      return;
    }
    const { messageId, timeMs } = operation;
    const dup = operation.status === AppendStatus.Duplicate;
    writeApiPushed(link.writer, operation.requestId, { error: 0, messageId, timeMs, dup, durability });
    link.touch();
  }

  refused(operation: PushAppend, reason: RefusalReason): void {
    const code = reason === RefusalReason.Busy ? ErrorCode.Busy : ErrorCode.StoreUnavailable;
    if (!operation.context.closed) this.#refuse(operation.context, operation.requestId, code);
  }

  /** 0, or why the push is refused for good. */
  faultOf(frame: ApiPushFrame): ErrorCode | 0 {
    if (!this.#knowsApp(frame.app)) return ErrorCode.Forbidden;
    if (frame.from !== '' && !isIdentifier(frame.from)) return ErrorCode.BadRequest;
    return messageFault(frame.to, frame.clientMsgId, frame.payload);
  }

  #refuse(link: TrunkLink, requestId: number, error: ErrorCode): void {
    this.#counters.apiPushErrors[error]!++;
    writeApiPushed(link.writer, requestId, { error, messageId: 0, timeMs: 0, dup: false, durability: 0 });
    link.touch();
  }
}
