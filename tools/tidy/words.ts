/** Words that do not belong in a repository: work left for later, tests that do not run, one machine's paths. */
import { withoutComments } from './mask.ts';
import { type Finding, findAll, isCode, type Rule, type SourceFile } from './rule.ts';

// Put together from halves, so that this file and its test pass their own check.
const LATER = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`, 'g');
const SILENCED = new RegExp(`@ts-(?:${['ignore', 'nocheck', 'expect-error'].join('|')})`, 'g');
const MACHINE_PATH = new RegExp(
  `(?<![\\w.~/*$}-])/(?:${['work', 'root', 'home/\\w+', 'Users/\\w+'].join('|')})\\b`,
  'g',
);
const HOME_OF_A_MACHINE = 'a path of one machine';

/** `.only(`, `.todo(`, `.skip(` on a test, and `skip: true` among its options; `skip: 'reason'` is fine. */
const NOT_RUN =
  /\b(?:test|it|describe|suite)\.(?:only|todo|skip)\s*\(|\{\s*(?:only|todo|skip):\s*true\b|\bt\.(?:skip|todo)\(\s*\)/g;

export const laterRule: Rule = (files) =>
  files
    .filter(isText)
    .flatMap((file) => findAll(file, file.text, LATER, (word) => `${word}: finish it or take it out`));

export const silencedRule: Rule = (files) =>
  files.filter(isCode).flatMap((file) => findAll(file, file.text, SILENCED, (word) => `${word}: give it a type`));

export const machinePathRule: Rule = (files) =>
  files
    .filter(isText)
    .flatMap((file) => findAll(file, file.text, MACHINE_PATH, (path) => `${path.trim()}: ${HOME_OF_A_MACHINE}`));

export const notRunRule: Rule = (files) => files.filter(isCode).flatMap(notRun);

function notRun(file: SourceFile): Finding[] {
  return findAll(
    file,
    withoutComments(file.text),
    NOT_RUN,
    (match) => `${match.trim()} …: a test that does not run, or runs alone`,
  );
}

function isText(file: SourceFile): boolean {
  return !/(^|\/)package-lock\.json$|\/generated\/|\.(svg|html|bin)$/.test(file.path);
}
