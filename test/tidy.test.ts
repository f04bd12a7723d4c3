/** Every rule of `tools/tidy.ts` is shown to fail on a sample, and to pass beside it. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkLayers } from '../tools/check-layers.ts';
import { mayUse, readLayers } from '../tools/layers.ts';
import { FOLDER_README_LINES_MAX, foldersRule } from '../tools/tidy/folders.ts';
import { layeringRule } from '../tools/tidy/layering.ts';
import { linksRule } from '../tools/tidy/links.ts';
import { withoutComments, withoutProse } from '../tools/tidy/mask.ts';
import { ownersRule } from '../tools/tidy/owners.ts';
import { exactVersionRule, licenceRule, lockAddressRule, lockPlatformRule } from '../tools/tidy/packages.ts';
import type { Rule } from '../tools/tidy/rule.ts';
import { grownExceptions, sizesRule } from '../tools/tidy/sizes.ts';
import { laterRule, machinePathRule, notRunRule, silencedRule } from '../tools/tidy/words.ts';

/** The lines at which `rule` objects to `text` at `path`, beside other files. */
function linesOf(rule: Rule, path: string, text: string, ...others: string[]): number[] {
  const files = [{ path, text }, ...others.map((other) => ({ path: other, text: '' }))];
  return rule(files).map((finding) => finding.line);
}

/** Puts a word together, so that this file does not hold it. */
const word = (...parts: string[]): string => parts.join('');

const OWNED: readonly [code: string, owner: string][] = [
  ['const now = Date.now();', 'src/clock/clock.ts'],
  ['const now = new Date();', 'src/clock/clock.ts'],
  ['performance.now();', 'src/clock/clock.ts'],
  ['setTimeout(run, 5);', 'src/clock/clock.ts'],
  ['setInterval(run, 5);', 'src/clock/clock.ts'],
  ['setImmediate(run);', 'src/clock/clock.ts'],
  [word('import * as timers fr', "om 'node:timers/promises';"), 'src/clock/clock.ts'],
  ['Math.random();', 'src/clock/random.ts'],
  ['randomBytes(16);', 'src/clock/random.ts'],
  ['crypto.randomUUID();', 'src/clock/random.ts'],
  [word('import * as net fr', "om 'node:net';"), 'src/net/node-transport.ts'],
  [word('import { connect } fr', "om 'node:tls';"), 'src/net/node-transport.ts'],
  ['process.env.HOME;', 'src/config/environment.ts'],
  [word('import { Counter } fr', "om 'prom-client';"), 'src/metrics/metrics.ts'],
  [word('import { pino } fr', "om 'pino';"), 'src/log/pino-logger.ts'],
  [word('import { parse } fr', "om 'smol-toml';"), 'src/config/load-config.ts'],
  [word('import { Redis } fr', "om 'ioredis';"), 'src/store/redis/connection.ts'],
  [word('import { decode } fr', "om '@msgpack/msgpack';"), 'src/protocol/codec.ts'],
];

for (const [code, owner] of OWNED) {
  test(`tidy: only its owner may say ${code}`, () => {
    assert.deepEqual(linesOf(ownersRule, 'src/gate/gate.ts', `\n${code}\n`), [2]);
    assert.deepEqual(linesOf(ownersRule, owner, code), []);
  });
}

test('tidy: words in comments, strings and longer names are not code', () => {
  const text =
    "// Date.now()\n/* setTimeout */\nconst a = 'Math.random()';\nclock.setTimeout(x);\nconst mysetTimeout = 1;\n";
  assert.deepEqual(linesOf(ownersRule, 'src/gate/gate.ts', text), []);
});

test('tidy: prose is blanked in place', () => {
  const code = "a = 'x // y'; // z\nb = /['\"]/g; /* m\nn */ c = `t`;";
  assert.equal(withoutComments(code).length, code.length);
  assert.equal(withoutComments(code), "a = 'x // y';     \nb = /['\"]/g;     \n     c = `t`;");
  assert.equal(withoutProse(code), 'a =         ;     \nb =        ;     \n     c =    ;');
});

test('tidy: imports, also of types, point down only', () => {
  const rule = layeringRule(readLayers());
  const from = (target: string): string => word(`import type { X } fr`, `om '${target}';`);
  assert.deepEqual(linesOf(rule, 'src/wheel/wheel.ts', from('../gate/gate.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/gate/gate.ts', from('../logic/logic.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/client/client.ts', from('../store/store.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/gate/gate.ts', from('../client/client.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/gate/gate.ts', from('../../test/support/manual-clock.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/unknown/a.ts', from('../clock/clock.ts')), [1]);
  assert.deepEqual(linesOf(rule, 'src/gate/gate.ts', `${from('../wheel/wheel.ts')}\n${from('./slots.ts')}`), []);
  assert.equal(mayUse(readLayers(), 'cli', 'client'), true);
});

test('layers: a cruise finds a broken layer and a circle, and fails when it sees no module', () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-layers-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  try {
    cpSync('package.json', join(root, 'package.json'));
    mkdirSync(join(root, 'dist', 'src'), { recursive: true });
    assert.deepEqual(checkLayers(root, 'dist/src'), ['no module in dist/src']);
    write('dist/src/clock/clock.js', 'export const a = 1;\n');
    write('dist/src/gate/gate.js', word("import '../clock/clock.js';\n"));
    assert.deepEqual(checkLayers(root, 'dist/src'), []);
    write('dist/src/clock/clock.js', word("import '../gate/gate.js';\n"));
    const problems = checkLayers(root, 'dist/src').join('\n');
    assert.match(problems, /only-downwards-from-clock: dist\/src\/clock\/clock\.js → dist\/src\/gate\/gate\.js/);
    assert.match(problems, /no-circles/);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('tidy: a file of 300 lines passes, one of 301 does not; tests may have 600', () => {
  const lines = (count: number): string => 'x;\n'.repeat(count);
  assert.deepEqual(linesOf(sizesRule({}), 'src/a.ts', lines(300)), []);
  assert.deepEqual(linesOf(sizesRule({}), 'src/a.ts', lines(301)), [1]);
  assert.deepEqual(linesOf(sizesRule({}), 'src/generated/a.ts', lines(301)), []);
  assert.deepEqual(linesOf(sizesRule({}), 'test/a.test.ts', lines(600)), []);
  assert.deepEqual(linesOf(sizesRule({}), 'test/a.test.ts', lines(601)), [1]);
});

const HEADS: readonly string[] = [
  'function name() {',
  'export async function* name(a: A): AsyncGenerator<B> {',
  'function name(\n  a: A,\n): B {',
  'class C {\n  #name(a: A): void {',
  'class C {\n  static async name<T>(a: T): Promise<void> {',
  'const name = (a: A): B => {',
];

for (const head of HEADS) {
  test(`tidy: ${head.replace(/\s+/g, ' ')} … may have 60 lines and no more`, () => {
    const indentation = /\n( +)\S.*\{$/.exec(head)?.[1] ?? '';
    const inClass = head.startsWith('class');
    const headLines = inClass ? 1 : head.split('\n').length;
    const whole = (count: number): string =>
      `${head}\n${`${indentation}  x;\n`.repeat(count - headLines - 1)}${indentation}}\n${inClass ? '}\n' : ''}`;
    assert.deepEqual(linesOf(sizesRule({}), 'src/a.ts', whole(60)), []);
    assert.equal(linesOf(sizesRule({}), 'src/a.ts', whole(61)).length, 1);
  });
}

test('tidy: a function that only holds tests may be longer', () => {
  const suite = `function contract() {\n${'  test("a", () => {\n    x;\n  });\n'.repeat(30)}}\n`;
  assert.deepEqual(linesOf(sizesRule({}), 'test/support/contract.ts', suite), []);
});

test('tidy: an exception holds as long as it is needed and not generous, and the list only shrinks', () => {
  const text = 'x;\n'.repeat(310);
  assert.deepEqual(linesOf(sizesRule({ 'src/a.ts': 310 }), 'src/a.ts', text), []);
  assert.equal(linesOf(sizesRule({ 'src/a.ts': 309 }), 'src/a.ts', text).length, 1);
  assert.equal(linesOf(sizesRule({ 'src/a.ts': 311 }), 'src/a.ts', text).length, 1);
  assert.equal(linesOf(sizesRule({ 'src/gone.ts': 400 }), 'src/a.ts', 'x;\n').length, 1);
  assert.deepEqual(grownExceptions({ a: 310, b: 320 }, { a: 305 }), []);
  assert.equal(grownExceptions({ a: 310 }, { a: 311 }).length, 1);
  assert.equal(grownExceptions({}, { a: 310 }).length, 1);
});

test('tidy: nothing is left for later', () => {
  for (const left of [word('TO', 'DO'), word('FIX', 'ME'), word('XX', 'X'), word('HA', 'CK')]) {
    assert.deepEqual(linesOf(laterRule, 'README.md', `a\n${left}: b\n`), [2]);
  }
  assert.deepEqual(linesOf(laterRule, 'README.md', 'mastodon, hacks'), []);
});

test('tidy: the compiler is not silenced', () => {
  assert.deepEqual(linesOf(silencedRule, 'src/a.ts', word('// @ts', '-ignore')), [1]);
});

test('tidy: every test runs, and none alone', () => {
  for (const code of [
    word('test.', 'only("a")'),
    word('describe.', 'skip("a")'),
    word('it.', 'todo("a")'),
    word('test("a", { sk', 'ip: true })'),
  ]) {
    assert.deepEqual(linesOf(notRunRule, 'test/a.test.ts', code), [1], code);
  }
  assert.deepEqual(linesOf(notRunRule, 'test/a.test.ts', "test('a', { skip: 'needs root' })"), []);
});

test('tidy: no paths of one machine', () => {
  for (const path of [word('/ro', 'ot/x'), word('/wo', 'rk/main'), word('/home/', 'ann/x'), word('/Users/', 'Ann')]) {
    assert.deepEqual(linesOf(machinePathRule, 'docs/a.md', `see ${path}`), [1], path);
  }
  assert.deepEqual(linesOf(machinePathRule, 'docs/a.md', 'src/root/x, https://example.org/work/a, ./work'), []);
});

test('tidy: the lock file names no addresses and only known licences; versions are exact', () => {
  const lock = (entry: object): string => JSON.stringify({ packages: { '': {}, 'node_modules/a': entry } }, null, 2);
  assert.deepEqual(linesOf(lockAddressRule, 'package-lock.json', lock({ resolved: 'https://example.org' })), [5]);
  assert.deepEqual(linesOf(lockAddressRule, 'package-lock.json', lock({ license: 'MIT' })), []);
  const judged = (license?: string): number => linesOf(licenceRule, 'package-lock.json', lock({ license })).length;
  assert.deepEqual([judged('MIT'), judged('GPL-3.0'), judged(undefined)], [0, 1, 1]);
  assert.deepEqual([judged('MIT OR GPL-3.0'), judged('(MIT AND Zlib)'), judged('MIT AND GPL-3.0')], [0, 0, 1]);
  const versions = (version: string): number =>
    linesOf(exactVersionRule, 'package.json', JSON.stringify({ dependencies: { a: version } })).length;
  assert.deepEqual([versions('1.2.3'), versions('^1.2.3'), versions('latest')], [0, 1, 1]);
});

test('tidy: the lock file holds every platform package, or npm ci refuses it', () => {
  const lock = (others: object): string =>
    JSON.stringify({ packages: { 'node_modules/a': { optionalDependencies: { 'a-linux': '1.0.0' } }, ...others } });
  assert.deepEqual(linesOf(lockPlatformRule, 'package-lock.json', lock({})), [1]);
  assert.deepEqual(linesOf(lockPlatformRule, 'package-lock.json', lock({ 'node_modules/a-linux': {} })), []);
});

test('tidy: links in documents lead to files and folders of the repository', () => {
  const link = (target: string): string => `[a](${target})`;
  const others = ['docs/b.md', 'src/gate/gate.ts'];
  assert.deepEqual(linesOf(linksRule, 'docs/a.md', `\n${link('c.md')}`, ...others), [2]);
  assert.deepEqual(linesOf(linksRule, 'docs/a.md', link('../src/gone.ts#x'), ...others), [1]);
  for (const target of [
    'b.md',
    'b.md#part',
    '../src/gate/',
    '../src/gate/gate.ts',
    '#here',
    'https://example.org',
    '/docs/b.md',
  ]) {
    assert.deepEqual(linesOf(linksRule, 'docs/a.md', link(target), ...others), [], target);
  }
  assert.deepEqual(linesOf(linksRule, 'docs/a.md', '`[a](c.md)`\n```\n[a](c.md)\n```\n', ...others), []);
});

test('tidy: every folder of src has a README of a few lines', () => {
  const readme = (lines: number): string => 'x\n'.repeat(lines);
  const path = 'src/gate/README.md';
  assert.deepEqual(linesOf(foldersRule, path, readme(FOLDER_README_LINES_MAX), 'src/gate/gate.ts'), []);
  assert.deepEqual(linesOf(foldersRule, path, readme(FOLDER_README_LINES_MAX + 1)), [1]);
  assert.deepEqual(linesOf(foldersRule, path, readme(1), 'src/logic/logic.ts'), [1]);
  assert.deepEqual(linesOf(foldersRule, 'src/file.ts', 'x'), []);
});
