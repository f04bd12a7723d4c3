/** Reads what `FileRecorder`s wrote, any number of files, into one history. */
import { createReadStream } from 'node:fs';
import type { HistoryEvent } from './events.ts';
import { History } from './history.ts';

/** A file that is no history, or one that has lost a part other than its end. */
export class HistoryFileError extends Error {
  override readonly name = 'HistoryFileError';
}

/** One event is below 1 KiB. */
const LINE_LENGTH_MAX = 64 * 1024;

export async function readHistoryFiles(paths: readonly string[]): Promise<History> {
  const history = new History();
  const nextByProcess = new Map<string, number>();
  for (const path of paths) await readFileInto(history, path, nextByProcess);
  return history;
}

async function readFileInto(history: History, path: string, nextByProcess: Map<string, number>): Promise<void> {
  let rest = '';
  let line = 0;
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    // What follows the last line break may be cut off: its process was killed while it wrote.
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new HistoryFileError(`${path}: a line is too long`);
    for (const text of lines) {
      line += 1;
      try {
        appendLine(history, text, nextByProcess);
      } catch (error) {
        throw new HistoryFileError(`${path}:${line}: ${(error as Error).message}`);
      }
    }
  }
}

function appendLine(history: History, text: string, nextByProcess: Map<string, number>): void {
  const { process, index, ...event } = JSON.parse(text) as { process: string; index: number } & HistoryEvent;
  const expected = nextByProcess.get(process) ?? 0;
  if (index !== expected) throw new Error(`process '${process}' goes on with ${index} instead of ${expected}`);
  nextByProcess.set(process, expected + 1);
  history.append(event as HistoryEvent);
}
