/**
 * Every change of a client's state is one `StateRecord`, and `StoredState` applies them: a file replays them at start,
 * the memory keeps nothing else.
 */
import { KnownIds } from './known-ids.ts';
import type { ClientState, ClientStorage, CursorPosition, GateList, SessionState, UnsentMessage } from './storage.ts';

/** How many message ids and sent keys are remembered. */
export const KNOWN_IDS_MAX = 4096;

/** One change, in the shape in which it stands in a file. Payloads are base64. */
export type StateRecord =
  | { readonly type: 'owner'; readonly owner: string }
  | { readonly type: 'cursor'; readonly epoch: number; readonly seq: number; readonly taken?: number }
  | { readonly type: 'session'; readonly generation: number; readonly ticket: string }
  | { readonly type: 'gates'; readonly list: GateList }
  | { readonly type: 'unsent'; readonly clientMsgId: string; readonly to: string; readonly payload: string }
  | { readonly type: 'done'; readonly clientMsgId: string; readonly messageId?: number }
  | { readonly type: 'known'; readonly messageIds: readonly number[]; readonly sentIds: readonly string[] };

export class StoredState {
  #owner: string | undefined;
  #cursor: CursorPosition | undefined;
  #session: SessionState | undefined;
  #gates: GateList | undefined;
  readonly #unsent = new Map<string, UnsentMessage>();
  readonly #known = new KnownIds<number>(KNOWN_IDS_MAX);
  readonly #sent = new KnownIds<string>(KNOWN_IDS_MAX);

  get owner(): string | undefined {
    return this.#owner;
  }

  apply(record: StateRecord): void {
    switch (record.type) {
      case 'owner':
        this.#owner = record.owner;
        break;
      case 'cursor':
        this.#cursor = { epoch: record.epoch, seq: record.seq };
        if (record.taken !== undefined) this.#known.add(record.taken);
        break;
      case 'session':
        this.#session = { generation: record.generation, ticket: record.ticket };
        break;
      case 'gates':
        this.#gates = record.list;
        break;
      case 'unsent': {
        const { clientMsgId, to, payload } = record;
        this.#unsent.set(clientMsgId, { clientMsgId, to, payload: Buffer.from(payload, 'base64') });
        this.#sent.add(clientMsgId);
        break;
      }
      case 'done':
        this.#unsent.delete(record.clientMsgId);
        if (record.messageId !== undefined) this.#known.add(record.messageId);
        break;
      case 'known':
        for (const id of record.messageIds) this.#known.add(id);
        for (const id of record.sentIds) this.#sent.add(id);
        break;
    }
  }

  /** Undefined before the first record. */
  snapshot(): ClientState | undefined {
    if (this.#owner === undefined) return undefined;
    return {
      cursor: this.#cursor,
      session: this.#session,
      unsent: [...this.#unsent.values()],
      knownMessageIds: this.#known.list(),
      sentIds: this.#sent.list(),
      gates: this.#gates,
    };
  }

  /** The fewest records that lead to this state. */
  records(): StateRecord[] {
    const records: StateRecord[] = [];
    if (this.#owner !== undefined) records.push({ type: 'owner', owner: this.#owner });
    records.push({ type: 'known', messageIds: this.#known.list(), sentIds: this.#sent.list() });
    if (this.#session !== undefined) records.push({ type: 'session', ...this.#session });
    if (this.#gates !== undefined) records.push({ type: 'gates', list: this.#gates });
    if (this.#cursor !== undefined) records.push({ type: 'cursor', ...this.#cursor });
    for (const message of this.#unsent.values()) records.push(unsentRecord(message));
    return records;
  }
}

function cursorRecord(cursor: CursorPosition, takenMessageId: number | undefined): StateRecord {
  const { epoch, seq } = cursor;
  return takenMessageId === undefined
    ? { type: 'cursor', epoch, seq }
    : { type: 'cursor', epoch, seq, taken: takenMessageId };
}

function unsentRecord(message: UnsentMessage): StateRecord {
  const { clientMsgId, to, payload } = message;
  return { type: 'unsent', clientMsgId, to, payload: payload.toString('base64') };
}

function doneRecord(clientMsgId: string, messageId: number | undefined): StateRecord {
  return messageId === undefined ? { type: 'done', clientMsgId } : { type: 'done', clientMsgId, messageId };
}

/** A storage that turns every change into a record and hands it to `append`. */
export abstract class RecordStorage implements ClientStorage {
  abstract load(owner: string): Promise<ClientState | undefined>;
  abstract close(): Promise<void>;
  protected abstract append(record: StateRecord): Promise<void>;

  saveCursor(cursor: CursorPosition, takenMessageId?: number): Promise<void> {
    return this.append(cursorRecord(cursor, takenMessageId));
  }

  saveSession(session: SessionState): Promise<void> {
    return this.append({ type: 'session', generation: session.generation, ticket: session.ticket });
  }

  saveGates(list: GateList): Promise<void> {
    return this.append({ type: 'gates', list });
  }

  addUnsent(message: UnsentMessage): Promise<void> {
    return this.append(unsentRecord(message));
  }

  removeUnsent(clientMsgId: string, messageId?: number): Promise<void> {
    return this.append(doneRecord(clientMsgId, messageId));
  }
}
