/**
 * Takes events down as they happen, in memory or into a file, and says which process saw them.
 *
 * Record an attempt before it is made and an outcome before anybody acts on it. A process that may be killed writes
 * every line through (`bufferBytes: 0`), or its history ends earlier than what it did.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistoryEvent } from './events.ts';
import type { History } from './history.ts';

const BUFFER_BYTES = 64 * 1024;

export interface HistoryRecorder {
  record(event: HistoryEvent): void;
}

/** Into a `History` of this process. */
export class MemoryRecorder implements HistoryRecorder {
  readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  record(event: HistoryEvent): void {
    this.history.append(event);
  }
}

/** One JSON object per line: `{"process":"c1","index":0,"type":"received", …}`. */
export class FileRecorder implements HistoryRecorder {
  readonly #process: string;
  readonly #bufferBytes: number;
  readonly #file: number;
  #lines = '';
  #next = 0;

  /** `process` must be unique among the files that are checked together. */
  constructor(path: string, process: string, bufferBytes: number = BUFFER_BYTES) {
    this.#process = process;
    this.#bufferBytes = bufferBytes;
    this.#file = openSync(path, 'wx');
  }

  record(event: HistoryEvent): void {
    this.#lines += `${JSON.stringify({ process: this.#process, index: this.#next, ...event })}\n`;
    this.#next += 1;
    if (this.#lines.length > this.#bufferBytes) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.#lines);
    this.#lines = '';
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}
