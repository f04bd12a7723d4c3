/**
 * Adds to package-lock.json the platform packages that the registry in use does not serve. `npm ci` refuses a lock file
 * that leaves out an optional package, also one for a system that nobody here has; npm writes only those that it could
 * look up. Run it after every change of the dependencies:
 *
 *   npm install --package-lock-only && npm run lock
 *
 * An added entry holds the version its parent asks for, and for which system it is; npm skips it everywhere else.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];
const LIBRARIES = { musl: 'musl', gnu: 'glibc' };
const EXACT = /^\d+\.\d+\.\d+$/;

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const { '': root, ...packages } = lock.packages;
const added = [];
for (const [parentPath, parent] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (packages[path] !== undefined || packages[`${parentPath}/${path}`] !== undefined || !EXACT.test(version))
      continue;
    packages[path] = platformEntry(name, version, parent);
    added.push(`${name} ${version}`);
  }
}

function platformEntry(name, version, parent) {
  const words = name.split(/[-/]/);
  const cpu = PROCESSORS.filter((word) => words.includes(word));
  const os = SYSTEMS.filter((word) => words.includes(word));
  const libc = Object.keys(LIBRARIES).filter((word) => words.some((part) => part.startsWith(word)));
  return {
    version,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(parent.dev ? { dev: true } : {}),
    ...(libc.length > 0 ? { libc: libc.map((word) => LIBRARIES[word]) } : {}),
    license: parent.license,
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  };
}

const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = { '': root, ...Object.fromEntries(sorted) };
if (added.length > 0) writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length > 0 ? `added ${added.join(', ')}` : 'nothing to add');
