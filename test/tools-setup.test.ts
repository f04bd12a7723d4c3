/** `tools/setup.mjs` on small made-up repositories, with a stand-in for the compiler. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const setupFile = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', 'tools', 'setup.mjs');

interface TestSystem {
  has(command: string): boolean;
  mayInstall: boolean;
  install(packages: string[]): void;
}

interface Setup {
  ensureBuilt(options: { root: string; quiet: boolean }): boolean;
  packagesAreCurrent(root: string): boolean;
  ensureTestTools(tools: Record<string, string>, system: TestSystem, tell: (text: string) => void): void;
}

const setup = (await import(pathToFileURL(setupFile).href)) as Setup;
const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** "Compiles" src/*.ts by copying, notes each run in runs.txt, fails on a source that holds the word `wrong`. */
const COMPILER = `
const { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
appendFileSync('runs.txt', 'run\\n');
mkdirSync('dist/src', { recursive: true });
let code = 0;
for (const name of readdirSync('src')) {
  const text = readFileSync('src/' + name, 'utf8');
  writeFileSync('dist/src/' + name.replace(/ts$/, 'js'), text);
  if (text.includes('wrong')) { console.log(name + ': error TS1: wrong'); code = 2; }
}
process.exitCode = code;
`;

function makeRepository(): string {
  const root = mkdtempSync(join(tmpdir(), 'sluice-setup-'));
  made.push(root);
  const lock = JSON.stringify({ packages: { '': {}, 'node_modules/typescript': { version: '1.0.0' } } });
  mkdirSync(join(root, 'src'));
  mkdirSync(join(root, 'node_modules', 'typescript', 'bin'), { recursive: true });
  writeFileSync(join(root, 'package-lock.json'), lock);
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), lock);
  writeFileSync(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), COMPILER);
  writeFileSync(join(root, 'tsconfig.json'), '{}');
  writeFileSync(join(root, 'src', 'one.ts'), 'one');
  writeFileSync(join(root, 'src', 'two.ts'), 'two');
  return root;
}

function build(root: string): boolean {
  return setup.ensureBuilt({ root, quiet: true });
}

function runs(root: string): number {
  return readFileSync(join(root, 'runs.txt'), 'utf8').split('\n').length - 1;
}

test('a second build has nothing to do', () => {
  const root = makeRepository();
  assert.equal(build(root), true);
  assert.equal(build(root), false);
});

test('a changed, a new and a deleted source each make the output stale, and orphaned output goes', () => {
  const root = makeRepository();
  build(root);
  writeFileSync(join(root, 'src', 'one.ts'), 'one, changed');
  assert.equal(build(root), true);
  writeFileSync(join(root, 'src', 'three.ts'), 'three');
  assert.equal(build(root), true);
  rmSync(join(root, 'src', 'two.ts'));
  assert.equal(build(root), true);
  assert.equal(existsSync(join(root, 'dist', 'src', 'two.js')), false);
  assert.equal(build(root), false);
});

test('missing output is built again', () => {
  const root = makeRepository();
  build(root);
  rmSync(join(root, 'dist', 'src', 'one.js'));
  assert.equal(build(root), true);
  assert.equal(existsSync(join(root, 'dist', 'src', 'one.js')), true);
});

test('type errors fail the build, are shown, and leave no stamp although the compiler emits', () => {
  const root = makeRepository();
  build(root);
  writeFileSync(join(root, 'src', 'one.ts'), 'wrong');
  assert.throws(() => build(root), /one\.ts: error TS1: wrong/);
  assert.throws(() => build(root), /one\.ts: error TS1: wrong/);
});

test('packages are current only in the versions of the lock file; optional ones may be absent', () => {
  const root = makeRepository();
  assert.equal(setup.packagesAreCurrent(root), true);
  const entries = {
    'node_modules/typescript': { version: '1.0.1' },
    'node_modules/other': { version: '1', optional: true },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: entries }));
  assert.equal(setup.packagesAreCurrent(root), false);
  entries['node_modules/typescript'].version = '1.0.0';
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: entries }));
  assert.equal(setup.packagesAreCurrent(root), true);
  rmSync(join(root, 'node_modules'), { recursive: true });
  assert.equal(setup.packagesAreCurrent(root), false);
});

test('two builds at once compile once', async () => {
  const root = makeRepository();
  const script = `import { ensureBuilt } from ${JSON.stringify(pathToFileURL(setupFile).href)};
    ensureBuilt({ root: ${JSON.stringify(root)}, quiet: true });`;
  const codes = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<number | null>((settle) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
          child.on('close', settle);
        }),
    ),
  );
  assert.deepEqual(codes, [0, 0, 0]);
  assert.equal(runs(root), 1);
});

test('the lock of a dead process is taken over', () => {
  const root = makeRepository();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  mkdirSync(join(root, '.cache'));
  writeFileSync(join(root, '.cache', 'setup.lock'), `${dead} 1`);
  assert.equal(build(root), true);
  assert.equal(existsSync(join(root, '.cache', 'setup.lock')), false);
});

test('missing test tools are installed where that is allowed, and otherwise named with the command to install them', () => {
  const present = new Set<string>();
  const asked: string[] = [];
  const system: TestSystem = {
    has: (command) => present.has(command),
    mayInstall: true,
    install: (packages) => {
      asked.push(...packages);
      present.add('server');
    },
  };
  setup.ensureTestTools({ server: 'server-package' }, system, () => {});
  assert.deepEqual(asked, ['server-package']);
  setup.ensureTestTools({ server: 'server-package' }, system, () => {});
  assert.deepEqual(asked, ['server-package']);
  present.clear();
  assert.throws(
    () => setup.ensureTestTools({ server: 'server-package' }, { ...system, mayInstall: false }, () => {}),
    /need server[\s\S]*apt-get install .*server-package/,
  );
});
