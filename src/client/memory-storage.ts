import { StorageError } from './errors.ts';
import type { ClientState } from './storage.ts';
import { RecordStorage, type StateRecord, StoredState } from './stored-state.ts';

/** State that lives as long as this object: for tests, and for programs that start anew each time. */
export class MemoryStorage extends RecordStorage {
  readonly #state = new StoredState();

  async load(owner: string): Promise<ClientState | undefined> {
    const found = this.#state.snapshot();
    if (found === undefined) this.#state.apply({ type: 'owner', owner });
    else if (this.#state.owner !== owner) throw new StorageError(`the state belongs to ${this.#state.owner}`);
    return found;
  }

  protected async append(record: StateRecord): Promise<void> {
    this.#state.apply(record);
  }

  async close(): Promise<void> {}
}
