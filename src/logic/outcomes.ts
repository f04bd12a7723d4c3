/** Hands what the store says about an operation to whoever submitted it. */
import { StreamAppend } from '../bus/stream-append.ts';
import { type Committed, type Operation, OperationType, type RefusalReason } from '../store/store.ts';
import { PushAppend, SendAppend } from './append-operations.ts';
import type { Cursors } from './cursors.ts';
import type { Delivery } from './delivery.ts';
import type { Login } from './login.ts';
import type { PushApi } from './push-api.ts';
import type { Reauthenticate, Reauthentication } from './reauthentication.ts';
import type { Send } from './send.ts';
import type { KickRevoke, SessionAdmin } from './session-admin.ts';

export class Outcomes {
  /** There once the store is open. */
  delivery: Delivery | undefined;
  readonly #login: Login;
  readonly #send: Send;
  readonly #pushApi: PushApi;
  readonly #cursors: Cursors;
  readonly #admin: SessionAdmin;
  readonly #reauthentication: Reauthentication;

  constructor(
    login: Login,
    send: Send,
    pushApi: PushApi,
    cursors: Cursors,
    admin: SessionAdmin,
    reauthentication: Reauthentication,
  ) {
    this.#login = login;
    this.#send = send;
    this.#pushApi = pushApi;
    this.#cursors = cursors;
    this.#admin = admin;
    this.#reauthentication = reauthentication;
  }

  committed(batch: readonly Committed<Operation>[]): void {
    for (const operation of batch) {
      if (operation.type === OperationType.Append) this.delivery?.committed(operation);
      else if (operation.type === OperationType.Login) this.#login.committed(operation);
      else if (operation.type === OperationType.Revoke) this.#admin.committed(operation as Committed<KickRevoke>);
      else if (operation.type === OperationType.Reauthenticate)
        this.#reauthentication.committed(operation as Committed<Reauthenticate>);
    }
  }

  /** Certainly not written. */
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

  /**
   * Not known, for good: their partition has another owner. The gates and apis answer whoever waits; here only places in
   * queues are given back.
   */
  lost(unknown: readonly Operation[]): void {
    for (const operation of unknown) {
      if (operation.type === OperationType.Login) this.#login.lost(operation);
      else if (operation.type === OperationType.Reauthenticate) {
        this.#reauthentication.lost(operation as Reauthenticate);
      }
    }
  }
}
