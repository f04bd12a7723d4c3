/**
 * Storages that tell when a message has been taken, also when the program is killed in the middle.
 *
 *   handler: note what is in hand ─▶ storage: record it as taken ─▶ `taken`: into the history
 *                                   └────────── killed here ───────┘
 *
 * A program that is killed between the last two has taken the message for good, and its history does not say so. The
 * next run finds the note, sees that the state knows the message, and tells of it then.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type ClientState, type CursorPosition, FileStorage, MemoryStorage } from '../../src/client/index.ts';

export interface Taken {
  readonly epoch: number;
  readonly seq: number;
  readonly messageId: number;
}

/** Hears of each taken message once. */
export type OnTaken = (taken: Taken) => void;

/** What is in hand; kept in a file when the program may be killed. */
export class HandNote {
  readonly #file: number | undefined;
  readonly #left: Taken | undefined;
  readonly #inHand = new Map<number, Taken>();

  constructor(path?: string) {
    this.#left = path === undefined ? undefined : readNote(path);
    this.#file = path === undefined ? undefined : openSync(path, existsSync(path) ? 'r+' : 'w');
  }

  /** What an earlier run had in hand last. */
  get left(): Taken | undefined {
    return this.#left;
  }

  note(taken: Taken): void {
    this.#inHand.set(taken.messageId, taken);
    this.#write(taken);
  }

  release(messageId: number): Taken | undefined {
    const taken = this.#inHand.get(messageId);
    this.#inHand.delete(messageId);
    return taken;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }

  #write(taken: Taken): void {
    if (this.#file !== undefined) writeSync(this.#file, JSON.stringify(taken).padEnd(NOTE_BYTES), 0);
  }
}

const NOTE_BYTES = 96;

export class NotingMemoryStorage extends MemoryStorage {
  readonly #note: HandNote;
  readonly #onTaken: OnTaken;

  constructor(note: HandNote, onTaken: OnTaken) {
    super();
    this.#note = note;
    this.#onTaken = onTaken;
  }

  override async saveCursor(cursor: CursorPosition, takenMessageId?: number): Promise<void> {
    await super.saveCursor(cursor, takenMessageId);
    const taken = takenMessageId === undefined ? undefined : this.#note.release(takenMessageId);
    if (taken !== undefined) this.#onTaken(taken);
  }
}

export class NotingFileStorage extends FileStorage {
  readonly #note: HandNote;
  readonly #onTaken: OnTaken;
  readonly #wasTold: (taken: Taken) => boolean;

  /** `wasTold`: the histories of earlier runs speak of this message. */
  constructor(path: string, note: HandNote, wasTold: (taken: Taken) => boolean, onTaken: OnTaken) {
    super(path);
    this.#note = note;
    this.#wasTold = wasTold;
    this.#onTaken = onTaken;
  }

  override async load(owner: string): Promise<ClientState | undefined> {
    const state = await super.load(owner);
    const { left } = this.#note;
    if (left !== undefined && state?.knownMessageIds.includes(left.messageId) === true && !this.#wasTold(left)) {
      this.#onTaken(left);
    }
    return state;
  }

  override async saveCursor(cursor: CursorPosition, takenMessageId?: number): Promise<void> {
    await super.saveCursor(cursor, takenMessageId);
    const taken = takenMessageId === undefined ? undefined : this.#note.release(takenMessageId);
    if (taken !== undefined) this.#onTaken(taken);
  }
}

function readNote(path: string): Taken | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Taken;
  } catch {
    // Nothing was in hand yet.
    return undefined;
  }
}
