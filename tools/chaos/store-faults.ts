/**
 * Real faults on the real engine: a child process appends to a store on this machine's disk under `strace`, and whatever
 * happens to it, the store has to stand to what it acknowledged.
 *
 *   child (store-worker) ──acknowledgements over a pipe──► StoreLedger ◄──reads the reopened store── us
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, SystemClock } from '../../src/clock/clock.ts';
import type { Random } from '../../src/clock/random.ts';
import type { Uid } from '../../src/model/ids.ts';
import type { Operation } from '../../src/store/store.ts';
import { StoreLedger } from './store-ledger.ts';
import { realStore, workerAppend } from './store-workload.ts';
import { type SyscallFault, spawnWithFaults } from './strace-faults.ts';

const WORKER = fileURLToPath(new URL('./store-worker.js', import.meta.url));
/** Appends of the check after each life, so that a reused (epoch, seq) shows. */
const PROBES = 12;

export interface WorkerRun {
  life: number;
  appends: number;
  outstanding: number;
  faults: readonly SyscallFault[];
  log?: string;
}

export interface WorkerEnd {
  hasOpened: boolean;
  isDone: boolean;
  /** What the store reported as its failure. */
  failure: string | undefined;
  acknowledged: number;
  /** From submit to report, of each append. */
  latenciesMs: number[];
  /** Acknowledgements that came after the failure was reported. */
  late: number;
}

/** Runs the worker to its end and notes what it acknowledged. */
export async function runWorker(directory: string, run: WorkerRun, ledger: StoreLedger): Promise<WorkerEnd> {
  const args = [WORKER, directory, run.life, run.appends, run.outstanding].map(String);
  const options = run.log === undefined ? { faults: run.faults } : { faults: run.faults, log: run.log };
  const child = spawnWithFaults(process.execPath, args, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const pieces: Buffer[] = [];
  child.stdout!.on('data', (piece: Buffer) => pieces.push(piece));
  await once(child, 'close');
  return readLines(Buffer.concat(pieces).toString(), ledger);
}

function readLines(text: string, ledger: StoreLedger): WorkerEnd {
  const end: WorkerEnd = {
    hasOpened: false,
    isDone: false,
    failure: undefined,
    acknowledged: 0,
    latenciesMs: [],
    late: 0,
  };
  // A line that the death cut short was not said.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [word, target, epoch, seq, messageId, , tookMs] = line.split(' ');
    if (word === 'open') end.hasOpened = true;
    else if (word === 'done') end.isDone = true;
    else if (word === 'failed') end.failure = line;
    else if (word === 'ack') {
      end.acknowledged += 1;
      if (end.failure !== undefined) end.late += 1;
      end.latenciesMs.push(Number(tookMs));
      ledger.note({ target: target as Uid, epoch: Number(epoch), seq: Number(seq), messageId: Number(messageId) });
    }
  }
  return end;
}

/** Opens the store in this process, reads everything, appends a little, and closes it. */
export async function checkReopened(directory: string, life: number, ledger: StoreLedger): Promise<void> {
  const store = realStore(directory, new SystemClock());
  let answered = 0;
  await new Promise<void>((resolve, reject) => {
    store
      .open({
        committed(batch: readonly Operation[]) {
          for (const operation of batch) if ('target' in operation) ledger.note(operation);
          answered += batch.length;
          if (answered === PROBES) resolve();
        },
        refused: () => reject(new Error('the reopened store refuses')),
        failed: reject,
      })
      .then(() => ledger.check(store))
      .then(() => {
        for (let i = 0; i < PROBES; i++) store.submit(workerAppend(life, i, undefined));
      })
      .catch(reject);
  });
  await store.close();
}

const KILL_PLACES: readonly { syscall: string; whenMax: number }[] = [
  { syscall: 'pwrite64', whenMax: 150 },
  { syscall: 'fdatasync', whenMax: 120 },
  { syscall: 'rename', whenMax: 12 },
  { syscall: 'fsync', whenMax: 20 },
  { syscall: 'unlink', whenMax: 8 },
  { syscall: 'ftruncate', whenMax: 1 },
];

export interface StoreTortureReport {
  lives: number;
  kills: number;
  failures: number;
  acknowledged: number;
  problems: readonly string[];
}

/**
 * Life after life on one store until `untilMs` of the clock or `livesMax`: each is killed at a random system call, or
 * one of its fsyncs fails, and everything acknowledged in any life is checked after each.
 */
export async function tortureStore(
  directory: string,
  random: Random,
  clock: Clock,
  bounds: { untilMs: number; livesMax: number },
): Promise<StoreTortureReport> {
  const ledger = new StoreLedger();
  const report = { lives: 0, kills: 0, failures: 0, acknowledged: 0, problems: ledger.problems };
  while (report.lives < bounds.livesMax && clock.monotonicMs() < bounds.untilMs && ledger.problems.length === 0) {
    const life = report.lives++;
    const fault = randomFault(random);
    const outstanding = 1 + Math.floor(random.fraction() * 30);
    const run = { life: life * 2, appends: 400, outstanding, faults: [fault] };
    const end = await runWorker(join(directory, 'store'), run, ledger);
    report.acknowledged += end.acknowledged;
    if (end.failure !== undefined) report.failures += 1;
    else if (!end.isDone) report.kills += 1;
    if (end.late > 0) ledger.problems.push(`life ${life}: ${end.late} acknowledgements after the failure`);
    if (fault.error !== undefined && end.hasOpened && !end.isDone && end.failure === undefined) {
      ledger.problems.push(`life ${life}: ended without a word after ${fault.error}`);
    }
    await checkReopened(join(directory, 'store'), life * 2 + 1, ledger);
  }
  return report;
}

function randomFault(random: Random): SyscallFault {
  if (random.fraction() < 0.2) {
    return { syscalls: ['fdatasync'], error: 'EIO', when: String(1 + Math.floor(random.fraction() * 60)) };
  }
  const { syscall, whenMax } = KILL_PLACES[Math.floor(random.fraction() * KILL_PLACES.length)]!;
  return { syscalls: [syscall], signal: 'KILL', when: String(1 + Math.floor(random.fraction() * whenMax)) };
}
