/** A reporter for `node --test` where nobody watches: one line per file, and failures in full. */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

const STACK_DEPTH = 6;

interface FileCount {
  passed: number;
  failed: number;
  skipped: number;
}

export default async function* testReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileCount>();
  for await (const event of events) {
    if (event.type === 'test:stderr' || event.type === 'test:stdout') yield event.data.message;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, file = '', skip, details } = event.data;
    // Files are reported one after the other: a new one means that the last has ended.
    const last = [...files.keys()].at(-1);
    if (last !== undefined && !files.has(file)) yield describeFile(last, files.get(last) as FileCount);
    const isTest = details.type !== 'suite' && !name.endsWith('.test.js');
    const count = files.get(file) ?? { passed: 0, failed: 0, skipped: 0 };
    files.set(file, count);
    if (event.type === 'test:fail') {
      if (isEchoOfInner(event.data.details.error)) continue;
      count.failed++;
      yield describeFailure(name, file, event.data.details.error);
    } else if (skip !== undefined && skip !== false) {
      count.skipped++;
      yield `skipped: ${name}${typeof skip === 'string' && skip !== '' ? ` (${skip})` : ''}\n`;
    } else if (isTest) count.passed++;
  }
  const last = [...files].at(-1);
  if (last !== undefined) yield describeFile(...last);
}

/** A suite fails because a test in it failed: that has been told. */
function isEchoOfInner(error: unknown): boolean {
  return (error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
}

function describeFailure(name: string, file: string, error: unknown): string {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  const text = cause instanceof Error ? shortStack(cause) : inspect(cause, { depth: 5 });
  return `not ok: ${name}\n  in ${file}\n${text.replace(/^/gm, '  ')}\n\n`;
}

function shortStack(error: Error): string {
  const stack = error.stack ?? error.message;
  const lines = stack.split('\n');
  const firstFrame = lines.findIndex((line) => /^\s+at /.test(line));
  return firstFrame < 0 ? stack : lines.slice(0, firstFrame + STACK_DEPTH).join('\n');
}

function describeFile(file: string, count: FileCount): string {
  const short = file.replace(/^.*[\\/]dist[^\\/]*[\\/]/, '');
  const failed = count.failed > 0 ? `, ${count.failed} FAILED` : '';
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
  return `${short}: ${count.passed} passed${failed}${skipped}\n`;
}
