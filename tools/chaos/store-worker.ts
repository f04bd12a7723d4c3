/**
 * A process that does nothing but append to an embedded store, to be killed, starved and failed.
 *
 *   node store-worker.js DIRECTORY LIFE APPENDS OUTSTANDING
 *
 * Every line on stdout is one write call, made at the moment of the report:
 *
 *   open                                            the store is open
 *   ack <target> <epoch> <seq> <messageId> <id> <ms since it was submitted>
 *   failed <message>                                the store reported a failed write or fsync
 *   done                                            all appends were acknowledged and the store was closed
 *
 * Ends with 0 after `done`, with 3 after `failed`.
 */
import { writeSync } from 'node:fs';
import { SystemClock } from '../../src/clock/clock.ts';
import type { AppendOperation, Operation } from '../../src/store/store.ts';
import { realStore, workerAppend } from './store-workload.ts';

const STDOUT = 1;
const EXIT_FAILED = 3;

const [directory = '', life = '0', appends = '100', outstanding = '1'] = process.argv.slice(2);
const clock = new SystemClock();
const store = realStore(directory, clock);
const count = Number(appends);
let sent = 0;
let acknowledged = 0;

/** Blocks until the reader has it: what is printed has happened. */
function say(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(STDOUT, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function submit(): void {
  if (sent < count) store.submit(workerAppend(Number(life), sent++, clock.monotonicMs()));
}

function describe(operation: AppendOperation): string {
  const { target, epoch, seq, messageId, clientMsgId, context } = operation;
  const tookMs = (clock.monotonicMs() - (context as number)).toFixed(2);
  return `ack ${target} ${epoch} ${seq} ${messageId} ${clientMsgId} ${tookMs}\n`;
}

await store.open({
  committed(batch: readonly Operation[]) {
    say(batch.map((operation) => describe(operation as AppendOperation)).join(''));
    acknowledged += batch.length;
    for (let i = 0; i < batch.length; i++) submit();
    if (acknowledged === count) clock.defer(() => void store.close().then(() => say('done\n')));
  },
  refused(operation) {
    say(`refused ${operation.type}\n`);
  },
  failed(error) {
    say(`failed ${error.message}\n`);
    process.exit(EXIT_FAILED);
  },
});
say('open\n');
for (let i = 0; i < Number(outstanding); i++) submit();
