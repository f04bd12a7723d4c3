import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkHistory } from '../tools/history/checker.ts';
import { bodyHash } from '../tools/history/events.ts';
import { History } from '../tools/history/history.ts';
import { readHistoryFiles } from '../tools/history/history-files.ts';
import { FileRecorder } from '../tools/history/recorder.ts';
import { formatReport, type Report, type Violation } from '../tools/history/report.ts';
import { HistoryModel, type Row } from './support/history-model.ts';

const SEEDS = 200;
const BUG_SEEDS = 50;
const STEPS = 250;
const CHECK = fileURLToPath(new URL('../tools/history/check.js', import.meta.url));

/** One thing done wrong in the middle of a correct run, and how it must be called. */
interface Bug {
  readonly name: string;
  readonly violation: Violation;
  /** Places that were trimmed unseen could explain it. */
  readonly withoutRetention?: true;
  readonly commit: (model: HistoryModel) => void;
}

/** u1 sends to u0, and everything settles; answers u0's row. */
function sendOne(model: HistoryModel): Row {
  const sender = model.client('a.u1.phone');
  model.connect(sender);
  model.settle(sender);
  model.send(sender, 'u0');
  model.settle(sender);
  return model.timeline('a', 'u0').rows.at(-1) as Row;
}

/** A device that has read everything. */
function readAll(model: HistoryModel, application: string): void {
  while (model.pull(model.client(application)));
}

function drop(model: HistoryModel, uid: string, dropped: Row): void {
  const timeline = model.timeline('a', uid);
  timeline.rows = timeline.rows.filter((row) => row !== dropped);
}

const BUGS: readonly Bug[] = [
  {
    name: 'an answer before the commit, then a crash',
    violation: 'lost',
    withoutRetention: true,
    commit: (model) => {
      const sender = model.client('a.u1.phone');
      const message = model.send(sender, 'u0');
      model.answer(sender, message, { messageId: model.nextId(), dup: false, ownEpoch: 0, ownSeq: 0 });
      model.crash();
    },
  },
  {
    name: 'a lost last message',
    violation: 'lost',
    withoutRetention: true,
    commit: (model) => {
      drop(model, 'u0', sendOne(model));
      model.timeline('a', 'u0').head -= 1;
    },
  },
  {
    name: 'a retry without dedupe',
    violation: 'storedTwice',
    commit: (model) => {
      const sender = model.client('a.u1.phone');
      const message = model.send(sender, 'u0');
      model.commitNow(sender, message);
      model.disconnect(sender);
      model.dedupes = false;
      model.connect(sender);
      model.commitNow(sender, message);
      model.dedupes = true;
      readAll(model, 'a.u0.phone');
    },
  },
  {
    name: 'a seq used again after a crash',
    violation: 'seqReused',
    commit: (model) => {
      const row = sendOne(model);
      readAll(model, 'a.u0.phone');
      drop(model, 'u0', row);
      model.timeline('a', 'u0').head -= 1;
      sendOne(model);
      readAll(model, 'a.u0.desk');
    },
  },
  {
    name: 'a cursor that jumps over a message',
    violation: 'hole',
    commit: (model) => {
      readAll(model, 'a.u0.phone');
      sendOne(model);
      model.client('a.u0.phone').position += 1;
      sendOne(model);
      readAll(model, 'a.u0.phone');
    },
  },
  {
    name: 'a retry that is stored behind its successor',
    violation: 'inversion',
    commit: (model) => {
      const sender = model.client('a.u1.phone');
      model.connect(sender);
      model.settle(sender);
      const first = model.send(sender, 'u0');
      const second = model.send(sender, 'u0');
      model.commitNow(sender, second);
      model.commitNow(sender, first);
      model.settle(sender);
      readAll(model, 'a.u0.phone');
    },
  },
  {
    name: "a message in another app's timeline",
    violation: 'crossApp',
    commit: (model) => {
      model.place('b', 'u0', sendOne(model));
      readAll(model, 'b.u0.phone');
    },
  },
  {
    name: 'a message given to the application twice',
    violation: 'duplicate',
    commit: (model) => {
      sendOne(model);
      readAll(model, 'a.u0.phone');
      const row = model.timeline('a', 'u0').rows.at(-1) as Row;
      model.deliver(model.client('a.u0.phone'), row.seq, row.messageId);
    },
  },
  {
    name: 'a flipped bit in a body',
    violation: 'phantom',
    commit: (model) => {
      sendOne(model).hash += 1;
      readAll(model, 'a.u0.phone');
    },
  },
  {
    name: 'a repeat answered with another messageId',
    violation: 'twoIds',
    commit: (model) => {
      const sender = model.client('a.u1.phone');
      model.connect(sender);
      model.settle(sender);
      const message = model.send(sender, 'u0');
      model.settle(sender);
      const { target, clientMsgId, hash, order } = message;
      const about = { client: model.nameOf(sender), target, clientMsgId };
      model.history.append({ type: 'sendStarted', ...about, bodyHash: hash, order, kind: 0 });
      model.answer(sender, message, { messageId: model.nextId(), dup: true, ownEpoch: 0, ownSeq: 0 });
    },
  },
  {
    name: 'one messageId for two messages',
    violation: 'idReused',
    commit: (model) => {
      const { messageId } = sendOne(model);
      const sender = model.client('a.u2.phone');
      const message = model.send(sender, 'u1');
      model.answer(sender, message, { messageId, dup: false, ownEpoch: 0, ownSeq: 0 });
    },
  },
  {
    name: 'a message at two places',
    violation: 'twoSeqs',
    commit: (model) => {
      model.place('a', 'u0', sendOne(model));
      readAll(model, 'a.u0.phone');
    },
  },
  {
    name: 'a missing copy',
    violation: 'ownCopy',
    withoutRetention: true,
    commit: (model) => {
      const sender = model.client('a.u0.phone');
      model.connect(sender);
      model.settle(sender);
      const message = model.send(sender, 'u1');
      const messageId = model.nextId();
      const { clientMsgId, hash } = message;
      model.place('a', 'u1', { messageId, from: 'u0', to: 'u1', clientMsgId, hash });
      model.answer(sender, message, { messageId, dup: false, ownEpoch: 0, ownSeq: 0 });
      model.crash();
    },
  },
  {
    name: 'a doubled copy',
    violation: 'ownCopy',
    commit: (model) => {
      const sender = model.client('a.u0.phone');
      model.connect(sender);
      model.settle(sender);
      model.send(sender, 'u1');
      model.settle(sender);
      model.place('a', 'u0', model.timeline('a', 'u0').rows.at(-1) as Row);
      readAll(model, 'a.u0.desk');
    },
  },
  {
    name: 'an acknowledgement of what never came',
    violation: 'ackUnreceived',
    commit: (model) => {
      const client = model.client('a.u0.phone');
      readAll(model, 'a.u0.phone');
      const { epoch, position } = client;
      model.history.append({ type: 'acked', client: model.nameOf(client), epoch, seq: position + 1 });
    },
  },
];

function historyOf(seed: number, bug?: Bug): History {
  const model = new HistoryModel(seed);
  model.trims = bug?.withoutRetention !== true;
  model.run(STEPS);
  if (bug !== undefined) {
    model.crash();
    bug.commit(model);
  }
  model.finish();
  return model.history;
}

function failing(seed: number, report: Report): string {
  return `seed ${seed}:\n${formatReport(report)}`;
}

test(`a correct system raises no alarm in ${SEEDS} runs with crashes, retries, gaps and resyncs`, () => {
  const seen = { unknown: 0, gaps: 0, resyncs: 0, failed: 0, explained: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const report = checkHistory(historyOf(seed));
    assert.ok(report.ok, failing(seed, report));
    assert.equal(report.looked.readersAtEnd, report.looked.applications);
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += report.looked[name];
  }
  for (const [name, count] of Object.entries(seen)) assert.ok(count > SEEDS / 2, `only ${count} ${name}`);
});

for (const bug of BUGS) {
  test(`${bug.name} is reported as ${bug.violation}, whatever happened before`, () => {
    for (let seed = 1; seed <= BUG_SEEDS; seed += 1) {
      const report = checkHistory(historyOf(seed, bug));
      assert.ok(report.counts[bug.violation] > 0, failing(seed, report));
      assert.equal(report.ok, false);
    }
  });
}

test('a refused message that arrives all the same is a phantom', () => {
  const model = new HistoryModel(1);
  const sender = model.client('a.u1.phone');
  const message = model.send(sender, 'u0');
  const { clientMsgId, hash } = message;
  model.place('a', 'u0', { messageId: 7, from: 'u1', to: 'u0', clientMsgId, hash });
  model.answer(sender, message, { messageId: 0, dup: false, ownEpoch: 0, ownSeq: 0 });
  model.disconnect(sender);
  model.finish();
  assert.ok(checkHistory(model.history).counts.phantom > 0);
});

test('what a reader has not read to the end is not called lost', () => {
  const model = new HistoryModel(1);
  sendOne(model);
  assert.ok(checkHistory(model.history).ok);
});

test('an order of runs is taken from their numbers, not from the order of the events', () => {
  const history = new History();
  const events = [...historyOf(3).events()];
  const runs = new Map<string, typeof events>();
  for (const event of events) runs.set(event.client, [...(runs.get(event.client) ?? []), event]);
  for (const run of [...runs.values()].reverse()) for (const event of run) history.append(event);
  const report = checkHistory(history);
  assert.ok(report.ok, formatReport(report));
});

test('events come back as they were appended', () => {
  const source = historyOf(4);
  const copy = new History();
  for (const event of source.events()) copy.append(event);
  assert.deepEqual([...copy.events()], [...source.events()]);
  assert.equal(copy.length, source.length);
});

test('a number that does not fit is refused', () => {
  const history = new History();
  const append = (seq: number): void => history.append({ type: 'acked', client: 'c', epoch: 1, seq });
  append(0xffff_ffff);
  for (const seq of [-1, 0.5, 0x1_0000_0000, Number.NaN]) assert.throws(() => append(seq), /'seq' is no whole number/);
});

test('different bodies have different hashes below 2^53', () => {
  const hashes = new Set<number>();
  for (let number = 0; number < 100_000; number += 1) hashes.add(bodyHash(Buffer.from(`body ${number}`)));
  assert.equal(hashes.size, 100_000);
  for (const hash of hashes) assert.ok(Number.isSafeInteger(hash) && hash >= 0);
});

/** The history in one file per client, as if each had been a process. */
function writeFiles(folder: string, history: History): string[] {
  const files = new Map<string, { path: string; recorder: FileRecorder }>();
  for (const event of history.events()) {
    let file = files.get(event.client);
    if (file === undefined) {
      const path = join(folder, `${files.size}.jsonl`);
      file = { path, recorder: new FileRecorder(path, event.client) };
      files.set(event.client, file);
    }
    file.recorder.record(event);
  }
  for (const { recorder } of files.values()) recorder.close();
  return [...files.values()].map(({ path }) => path);
}

function runCheck(paths: readonly string[]): { code: number; output: string } {
  try {
    return { code: 0, output: execFileSync(process.execPath, [CHECK, ...paths], { encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: stdout + stderr };
  }
}

test('the command merges the files of many processes and says by its exit code what it found', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const paths = writeFiles(folder, historyOf(5));
  const clean = runCheck(paths.reverse());
  assert.match(clean.output, /\n0 lost, 0 inverted, 0 unexplained\n$/);
  assert.equal(clean.code, 0);

  const broken = mkdtempSync(join(folder, 'broken-'));
  const found = runCheck(
    writeFiles(
      broken,
      historyOf(
        5,
        BUGS.find(({ violation }) => violation === 'inversion'),
      ),
    ),
  );
  assert.match(found.output, /\n0 lost, [1-9]\d* inverted, 0 unexplained\n$/);
  assert.equal(found.code, 1);
  assert.equal(runCheck([]).code, 2);
});

test('a file may end in the middle of a line, as after SIGKILL, but may not lack a line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'history.jsonl');
  const recorder = new FileRecorder(path, 'p', 0);
  for (let seq = 1; seq <= 3; seq += 1) recorder.record({ type: 'acked', client: 'c', epoch: 1, seq });
  recorder.close();
  appendFileSync(path, '{"process":"p","index":3,"ty');
  assert.equal((await readHistoryFiles([path])).length, 3);

  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, `${[lines[0], lines[2]].join('\n')}\n`);
  await assert.rejects(readHistoryFiles([path]), /history\.jsonl:2: process 'p' goes on with 2 instead of 1/);
});
