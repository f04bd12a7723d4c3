/**
 * A check of the repository itself: what no compiler or linter looks at. Each rule is a function from files to
 * findings; `test/tidy.test.ts` shows every one of them fail.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { readLayers } from './layers.ts';
import { foldersRule } from './tidy/folders.ts';
import { layeringRule } from './tidy/layering.ts';
import { linksRule } from './tidy/links.ts';
import { ownersRule } from './tidy/owners.ts';
import { exactVersionRule, licenceRule, lockAddressRule, lockPlatformRule } from './tidy/packages.ts';
import type { Finding, Rule, SourceFile } from './tidy/rule.ts';
import { grownExceptions, type SizeExceptions, sizesRule } from './tidy/sizes.ts';
import { laterRule, machinePathRule, notRunRule, silencedRule } from './tidy/words.ts';

const EXCEPTIONS = 'tools/tidy/exceptions.json';
const FILE_BYTES_MAX = 4 * 1024 * 1024;

function main(): void {
  const files = repositoryFiles();
  const exceptions = JSON.parse(readFileSync(EXCEPTIONS, 'utf8')) as SizeExceptions;
  const rules: readonly Rule[] = [
    ownersRule,
    layeringRule(readLayers()),
    sizesRule(exceptions),
    laterRule,
    silencedRule,
    notRunRule,
    machinePathRule,
    lockAddressRule,
    lockPlatformRule,
    licenceRule,
    exactVersionRule,
    linksRule,
    foldersRule,
    () => grownSinceBefore(exceptions),
  ];
  const findings =
    files.length === 0 ? [{ path: '.', line: 0, problem: 'no files seen' }] : rules.flatMap((rule) => rule(files));
  for (const { path, line, problem } of findings) console.log(`${path}:${line}: ${problem}`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}

/** Everything git knows or would add: text files only. */
function repositoryFiles(): SourceFile[] {
  const names = git(['ls-files', '--cached', '--others', '--exclude-standard', '-z']).split('\0');
  return names.flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (path === '' || stat?.isFile() !== true || stat.size > FILE_BYTES_MAX) return [];
    const text = readFileSync(path, 'utf8');
    return [{ path, text: text.includes('\0') ? '' : text }];
  });
}

/** The list of exceptions against its last two committed versions. */
function grownSinceBefore(now: SizeExceptions): Finding[] {
  const commits = git(['log', '-2', '--format=%H', '--', EXCEPTIONS])
    .split('\n')
    .filter((line) => line !== '');
  return commits.flatMap((commit) => {
    const before = JSON.parse(git(['show', `${commit}:${EXCEPTIONS}`])) as SizeExceptions;
    return grownExceptions(before, now).map((problem) => ({ path: EXCEPTIONS, line: 1, problem }));
  });
}

function git(args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

main();
