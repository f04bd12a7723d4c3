/**
 * Makes a fresh clone runnable: installs what is missing and compiles what is stale. Plain JavaScript on Node's own
 * modules, because it runs before anything is installed.
 *
 *   node tools/setup.mjs build    packages + compiled output
 *   node tools/setup.mjs test     the same, and the programs that the tests start
 *
 * Cost when nothing is to do: one walk over the sources and two JSON files, well under 150 ms. "Nothing to do" is
 * decided by content (package versions) and by name, size and time of every source, never by one time stamp against
 * another, so that a deleted file or a switched branch counts too. The stamp is written last: a build that fails, or is
 * killed, leaves none behind.
 *
 * Two at once are kept apart by `setup-lock.mjs`.
 *
 * All messages go to stderr: stdout belongs to the command that runs afterwards.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readText, SetupError, say, underLock } from './setup-lock.mjs';

const SOURCE_FOLDERS = ['src', 'test', 'bench', 'tools', 'protocol-spec'];
const SOURCE_FILES = ['tsconfig.json', 'package.json'];
const SOURCE_NAME = /\.(ts|json)$/;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Programs that the tests start: command → package of the system's package manager. */
const TEST_TOOLS = { 'redis-server': 'redis-server', strace: 'strace' };

/** The repository that this file is in. */
export const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Installs and compiles when needed. `quiet`: says nothing unless something takes long enough to be wondered about.
 *
 * @param {{ root?: string, quiet?: boolean }} [options]
 * @returns {boolean} whether there was something to do
 */
export function ensureBuilt({ root = REPOSITORY, quiet = false } = {}) {
  if (packagesAreCurrent(root) && outputIsCurrent(root)) return false;
  return underLock(root, () => {
    if (!packagesAreCurrent(root)) installPackages(root, quiet);
    if (outputIsCurrent(root)) return false;
    compile(root, quiet);
    return true;
  });
}

/** True when node_modules holds every package of package-lock.json in its version. */
export function packagesAreCurrent(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  if (wanted === undefined) throw new SetupError(`package-lock.json is missing in ${root}`);
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link === true) return true;
    const present = installed[path];
    if (present === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return present.version === entry.version;
  });
}

/** True when the last good build saw exactly these sources, and none of its output has gone since. */
export function outputIsCurrent(root) {
  const sources = listSources(root);
  if (readText(stampPath(root)) !== fingerprint(sources)) return false;
  const output = new Set(listFiles(join(root, 'dist')).map((file) => file.path));
  return compiledNames(root, sources).every((name) => output.has(name));
}

function installPackages(root, quiet) {
  if (!quiet) say('installing packages …');
  // npm passes its settings on to what it runs; an outer `--omit=dev` or `--dry-run` must not reach this one.
  run(root, npmCommand(), ['ci', '--include=dev', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error']);
}

function npmCommand() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

function compile(root, quiet) {
  if (!quiet) say('compiling …');
  const sources = listSources(root);
  rmSync(stampPath(root), { force: true });
  removeOrphans(root, sources);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(root, process.execPath, [compiler, '--project', join(root, 'tsconfig.json')]);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stampPath(root), fingerprint(sources));
}

/**
 * Removes output whose source is gone, so that a deleted test does not run for ever. When output is missing instead,
 * the compiler's own memory goes: it would believe that the file is there.
 */
function removeOrphans(root, sources) {
  const wanted = new Set(compiledNames(root, sources));
  const present = listFiles(join(root, 'dist')).map((file) => file.path);
  for (const path of present) {
    const compiled = path.replace(/(\.d\.ts|\.js\.map)$/, '.js');
    if (compiled.endsWith('.js') && !wanted.has(compiled)) rmSync(path, { force: true });
  }
  const found = new Set(present);
  if (![...wanted].every((name) => found.has(name))) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
}

function compiledNames(root, sources) {
  return sources
    .map((file) => relative(root, file.path))
    .filter((name) => name.endsWith('.ts') && !name.startsWith(`protocol-spec${sep}`))
    .map((name) => join(root, 'dist', name.replace(/\.ts$/, '.js')));
}

function listSources(root) {
  const files = SOURCE_FOLDERS.flatMap((folder) => listFiles(join(root, folder)));
  const sources = files.filter((file) => SOURCE_NAME.test(file.path));
  for (const name of SOURCE_FILES) {
    const path = join(root, name);
    if (existsSync(path)) sources.push(described(path));
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function listFiles(folder) {
  const found = [];
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of readFolder(next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') pending.push(path);
      } else if (entry.isFile()) found.push(described(path));
    }
  }
  return found;
}

function readFolder(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function described(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  return { path, size: stat?.size ?? -1, modifiedMs: stat?.mtimeMs ?? -1 };
}

function fingerprint(sources) {
  return sources.map((file) => `${file.path}\t${file.size}\t${file.modifiedMs}\n`).join('');
}

function stampPath(root) {
  return join(root, 'dist', '.stamp');
}

/** Runs a program and keeps what it says to itself, unless it fails. */
function run(root, command, args) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_config_(omit|dry|package)/i.test(name)),
  );
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX, env });
  if (done.status === 0) return;
  const said = [done.stdout, done.stderr].filter((text) => text).join('');
  const how = done.error?.message ?? (done.signal ? `was ended by ${done.signal}` : `ended with code ${done.status}`);
  throw new SetupError(`${said}${command === process.execPath ? 'the compiler' : command} ${how}`);
}

/** Installs the programs that tests start, where this may and can be done; otherwise says what to install. */
export function ensureTestTools(tools = TEST_TOOLS, system = realSystem(), tell = say) {
  const missing = () => Object.keys(tools).filter((command) => !system.has(command));
  const wanted = missing();
  if (wanted.length === 0) return;
  const packages = wanted.map((command) => tools[command]);
  if (system.mayInstall) {
    tell(`installing ${packages.join(', ')} from the system's packages …`);
    system.install(packages);
  }
  const left = missing();
  if (left.length === 0) return;
  throw new SetupError(
    `the tests need ${left.join(', ')}. Install with your system's package manager, for example\n` +
      `    sudo apt-get install --no-install-recommends ${left.map((command) => tools[command]).join(' ')}`,
  );
}

function realSystem() {
  const apt = ['-y', '-qq', '-o', 'Dpkg::Use-Pty=0'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const aptGet = (args) => spawnSync('apt-get', [...apt, ...args], { env, encoding: 'utf8' });
  return {
    has: (command) => onPath(command),
    mayInstall: process.getuid?.() === 0 && onPath('apt-get'),
    install: (packages) => {
      const install = ['install', '--no-install-recommends', ...packages];
      if (aptGet(install).status === 0) return;
      aptGet(['update']);
      const again = aptGet(install);
      if (again.status !== 0) say(`${again.stdout ?? ''}${again.stderr ?? ''}`);
    },
  };
}

function onPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, command)));
}

function readJson(path) {
  const text = readText(path);
  return text === undefined ? undefined : JSON.parse(text);
}

function main(task) {
  try {
    if (task !== 'build' && task !== 'test') throw new SetupError('usage: node tools/setup.mjs build | test');
    ensureBuilt();
    if (task === 'test') ensureTestTools();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv[2]);
