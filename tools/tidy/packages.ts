/** What the lock file and package.json may hold. */
import { type Finding, lineAt, type Rule, type SourceFile } from './rule.ts';

const LICENCES: readonly string[] = [
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Zlib',
  'CC0-1.0',
  'Unlicense',
];

interface LockFile {
  readonly packages?: Readonly<Record<string, LockEntry>>;
}

interface LockEntry {
  readonly license?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The lock file names no download addresses: it must work with any registry. */
export const lockAddressRule: Rule = (files) =>
  lockFiles(files).flatMap((file) => {
    const at = file.text.indexOf('"resolved":');
    const problem = '"resolved": npm install --package-lock-only --omit-lockfile-registry-resolved';
    return at < 0 ? [] : [{ path: file.path, line: lineAt(file.text, at), problem }];
  });

/** `npm ci` refuses a lock file without every optional platform package of an exact version. */
export const lockPlatformRule: Rule = (files) =>
  lockFiles(files).flatMap((file) => {
    const { packages = {} } = JSON.parse(file.text) as LockFile;
    return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
      const missing = Object.entries(optionalDependencies)
        .filter(([name, version]) => /^\d/.test(version) && !isLocked(packages, path, name))
        .map(([name]) => name);
      if (missing.length === 0) return [];
      return [{ path: file.path, line: 1, problem: `${missing.join(', ')} missing, npm ci will refuse: npm run lock` }];
    });
  });

function isLocked(packages: Readonly<Record<string, LockEntry>>, parent: string, name: string): boolean {
  return packages[`node_modules/${name}`] !== undefined || packages[`${parent}/node_modules/${name}`] !== undefined;
}

/** Every package may be given on with the product. */
export const licenceRule: Rule = (files) =>
  lockFiles(files).flatMap((file) => {
    const { packages = {} } = JSON.parse(file.text) as LockFile;
    return Object.entries(packages).flatMap(([path, entry]): Finding[] => {
      if (path === '' || entry.link === true || isAllowed(entry.license)) return [];
      const line = lineAt(file.text, file.text.indexOf(`"${path}"`));
      return [
        { path: file.path, line, problem: `${path}: licence ${entry.license ?? 'not stated'} is not on the list` },
      ];
    });
  });

/** Versions are exact: what was tested is what is installed. */
export const exactVersionRule: Rule = (files) =>
  files
    .filter((file) => file.path === 'package.json')
    .flatMap((file) => {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(file.text) as PackageFile;
      const all = Object.entries({ ...dependencies, ...devDependencies });
      return all
        .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
        .map(([name, version]) => ({
          path: file.path,
          line: 1,
          problem: `${name} ${version}: state an exact version`,
        }));
    });

/** "MIT OR X": one allowed is enough; "MIT AND X": all must be. */
function isAllowed(licence: string | undefined): boolean {
  if (licence === undefined) return false;
  const text = licence.replace(/[()]/g, '');
  return text.split(' OR ').some((choice) => choice.split(' AND ').every((name) => LICENCES.includes(name.trim())));
}

function lockFiles(files: readonly SourceFile[]): SourceFile[] {
  return files.filter((file) => /(^|\/)package-lock\.json$/.test(file.path));
}
