/** A reporter for `node --test` that writes one JSON object: what was counted, and what was skipped without a reason. */
import type { TestEvent } from 'node:test/reporters';
import { emptySummary, readCounter, type TestSummary } from './test-summary.ts';

export default async function* testSummaryReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let counters: Partial<TestSummary> = {};
  let ran = 0;
  const skippedWithoutReason: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:diagnostic') counters = { ...counters, ...readCounter(event.data.message) };
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, file, skip, details } = event.data;
    if (details.type === 'suite' || isFileItself(name, file)) continue;
    if (skip === undefined || skip === false) ran++;
    else if (typeof skip !== 'string' || skip.trim() === '') skippedWithoutReason.push(name);
  }
  yield JSON.stringify({ ...emptySummary(), ...counters, ran, skippedWithoutReason });
}

/** A file without tests is reported as one test with the file's name. */
function isFileItself(name: string, file: string | undefined): boolean {
  return name.endsWith('.test.js') && (file === undefined || file.endsWith(name) || name.endsWith(file));
}
