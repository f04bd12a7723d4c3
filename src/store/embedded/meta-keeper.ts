/** Holds the store's meta data and replaces the file for every change, one change at a time. */
import type { Disk } from '../disk.ts';
import { type StoreMeta, saveMeta } from './meta-file.ts';

export class MetaKeeper {
  readonly #disk: Disk;
  #current: StoreMeta;
  #last: Promise<void> = Promise.resolve();

  constructor(disk: Disk, meta: StoreMeta) {
    this.#disk = disk;
    this.#current = meta;
  }

  get current(): StoreMeta {
    return this.#current;
  }

  /** Resolves when the change is durable; when it fails, `current` stays as it was. */
  change(edit: (meta: StoreMeta) => void): Promise<void> {
    const done = this.#last.then(async () => {
      const next = structuredClone(this.#current);
      edit(next);
      await saveMeta(this.#disk, next);
      this.#current = next;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}
