import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { cleanFields, cleanText, FIELD_BYTES_MAX } from '../src/log/clean-fields.ts';
import { LogSampler } from '../src/log/log-sampler.ts';
import type { Logger } from '../src/log/logger.ts';
import { createLogger, type LogOptions } from '../src/log/pino-logger.ts';
import { prettyLine } from '../src/log/pretty-line.ts';
import { ManualClock } from './support/manual-clock.ts';
import { testLogger } from './support/test-logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function written(write: (logger: Logger) => void, options: Partial<LogOptions> = {}): string[] {
  const file = join(folder, `${files++}.log`);
  const logger = createLogger(
    { level: 'info', pretty: false, ...options, file },
    { role: 'gate', index: 1 },
    new ManualClock(),
  );
  write(logger);
  logger.close();
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

test('a line is JSON with time, level, role, index, fields and message', () => {
  const [line = ''] = written((logger) => logger.child({ slot: 7 }).warn({ reason: 'SLOW_CONSUMER' }, 'closed'));
  assert.deepEqual(JSON.parse(line), {
    level: 'warn',
    time: '2023-11-14T22:13:20.000Z',
    role: 'gate',
    index: 1,
    slot: 7,
    reason: 'SLOW_CONSUMER',
    msg: 'closed',
  });
});

test('T18: a uid with a line break and JSON in it stays one line and one field', () => {
  const uid = 'x\n{"level":"error","msg":"forged"}\u001b[31m\u0085\u2028';
  for (const pretty of [false, true]) {
    const lines = written((logger) => logger.info({ uid }, 'login refused'), { pretty });
    assert.equal(lines.length, 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be absent
    assert.doesNotMatch(lines[0] ?? '', /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    assert.match(lines[0] ?? '', /login refused/);
  }
});

test('T18: no text yields control characters or more than 256 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const cleaned = cleanText(text);
      assert.ok(Buffer.byteLength(cleaned) <= FIELD_BYTES_MAX);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be absent
      assert.doesNotMatch(cleaned, /[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});

test('T18: a field is kept whole at 256 bytes and cut above', () => {
  assert.equal(cleanText('a'.repeat(256)), 'a'.repeat(256));
  const cut = cleanText('a'.repeat(257));
  assert.equal(Buffer.byteLength(cut), 256);
  assert.ok(cut.endsWith('…'));
  assert.ok(cleanText('é'.repeat(1_000_000)).length < 256);
});

test('T18: tokens, tickets, secrets and payloads are masked at every depth, bytes are counted', () => {
  const fields = cleanFields({
    token: 't',
    session: { Ticket: 't', payload: new Uint8Array(3) },
    frame: Buffer.from('secret'),
  });
  assert.deepEqual(fields, {
    token: '[masked]',
    session: { Ticket: '[masked]', payload: '[masked]' },
    frame: '[6 bytes]',
  });
});

test('deep, wide and circular fields are bounded', () => {
  const circular: Record<string, unknown> = {};
  circular['again'] = circular;
  assert.match(JSON.stringify(cleanFields(circular)), /\[deep\]/);
  assert.equal((cleanFields({ list: new Array(1000).fill(1) })['list'] as unknown[]).length, 32);
});

test('an error is logged with type, code and stack', () => {
  const error = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const { type, code, message, stack } = cleanFields({ error })['error'] as Record<string, string>;
  assert.deepEqual([type, code, message], ['Error', 'ENOSPC', 'no space']);
  assert.match(stack ?? '', /log-logger\.test/);
});

test('lines below the level are not written', () => {
  const lines = written(
    (logger) => {
      logger.debug({}, 'no');
      logger.info({}, 'no');
      logger.warn({}, 'yes');
    },
    { level: 'warn' },
  );
  assert.equal(lines.length, 1);
});

test('a file is written a second after a line at the latest', () => {
  const clock = new ManualClock();
  const file = join(folder, 'late.log');
  const logger = createLogger({ level: 'info', pretty: false, file }, {}, clock);
  logger.info({}, 'hello');
  assert.equal(readFileSync(file, 'utf8'), '');
  clock.advance(1000);
  assert.match(readFileSync(file, 'utf8'), /hello/);
  logger.close();
  assert.equal(clock.pendingTimers, 0);
});

test('the line for people shows time, level, process, message and fields', () => {
  const json =
    '{"level":"warn","time":"2026-01-02T03:04:05.678Z","role":"gate","index":1,"slot":7,"why":"a b","msg":"closed"}';
  assert.equal(prettyLine(json, false), '03:04:05.678 WARN  gate 1: closed  slot=7 why="a b"\n');
});

test('T18: a sampler lets so many lines a second through and says how many it left out', () => {
  const clock = new ManualClock();
  const sampler = new LogSampler(clock, 2);
  assert.deepEqual(
    [sampler.admit(), sampler.admit(), sampler.admit(), sampler.admit()],
    [{ suppressed: 0 }, { suppressed: 0 }, undefined, undefined],
  );
  clock.advance(1000);
  assert.deepEqual(sampler.admit(), { suppressed: 2 });
  assert.deepEqual(sampler.admit(), { suppressed: 0 });
});

test('the test logger collects the lines of its children', () => {
  const logger = testLogger();
  logger.child({ role: 'logic' }).error({ partition: 3 }, 'fenced');
  assert.deepEqual(logger.lines, [{ level: 'error', message: 'fenced', fields: { role: 'logic', partition: 3 } }]);
});
