/** What a device keeps through the deaths of its program: each change takes effect a moment later, in order, or never. */
import type { ClientState } from '../../src/client/storage.ts';
import { RecordStorage, type StateRecord, type StoredState } from '../../src/client/stored-state.ts';
import type { SimProcess } from './process.ts';

const DELAY_MS_MAX = 3;

export class SimStorage extends RecordStorage {
  readonly #state: StoredState;
  readonly #process: SimProcess;
  readonly #applied: (record: StateRecord) => void;
  #nextMs = 0;

  /** `state` outlives the process; `applied` hears of each change in the moment in which it has happened. */
  constructor(state: StoredState, process: SimProcess, applied: (record: StateRecord) => void) {
    super();
    this.#state = state;
    this.#process = process;
    this.#applied = applied;
  }

  async load(owner: string): Promise<ClientState | undefined> {
    const found = this.#state.snapshot();
    if (found === undefined) this.#state.apply({ type: 'owner', owner });
    return found;
  }

  protected append(record: StateRecord): Promise<void> {
    const { world, random } = this.#process;
    this.#nextMs = Math.max(this.#nextMs, world.nowMs + DELAY_MS_MAX * random.fraction());
    return new Promise((resolve) => {
      if (!this.#process.isAlive) return;
      world.at(this.#process, this.#nextMs - world.nowMs, 'save', () => {
        this.#state.apply(record);
        this.#applied(record);
        world.at(this.#process, 0, 'saved', resolve);
      });
    });
  }

  async close(): Promise<void> {}
}
