/**
 * Files and functions stay small. What is larger stands in `tools/tidy/exceptions.json` with its size, and that list
 * only shrinks: an entry may not grow, and one that has become too generous must be lowered or go.
 */
import { withoutProse } from './mask.ts';
import { type Finding, isCode, type Rule, type SourceFile } from './rule.ts';

export const FILE_LINES_MAX = 300;
export const TEST_FILE_LINES_MAX = 600;
export const FUNCTION_LINES_MAX = 60;

/** `src/a/b.ts` → lines of the file; `src/a/b.ts:name` → lines of its longest function of that name. */
export type SizeExceptions = Readonly<Record<string, number>>;

interface Size {
  readonly key: string;
  readonly path: string;
  readonly line: number;
  readonly lines: number;
  readonly max: number;
}

export function sizesRule(exceptions: SizeExceptions): Rule {
  return (files) => {
    const sizes = files.filter(isCode).flatMap((file) => [fileSize(file), ...functionSizes(file)]);
    const tooLarge = sizes.filter((size) => size.lines > Math.max(size.max, exceptions[size.key] ?? 0));
    return [...tooLarge.map(describe), ...generous(exceptions, sizes)];
  };
}

/** What a changed list of exceptions has that an earlier one had not. */
export function grownExceptions(before: SizeExceptions, now: SizeExceptions): string[] {
  return Object.entries(now)
    .filter(([key, lines]) => lines > (before[key] ?? 0))
    .map(([key]) => `${key}: the list of exceptions may only shrink`);
}

function describe(size: Size): Finding {
  return { path: size.path, line: size.line, problem: `${size.key} has ${size.lines} lines, ${size.max} are allowed` };
}

function generous(exceptions: SizeExceptions, sizes: readonly Size[]): Finding[] {
  return Object.entries(exceptions).flatMap(([key, allowed]) => {
    const found = sizes.filter((size) => size.key === key);
    const needed = Math.max(0, ...found.map((size) => (size.lines > size.max ? size.lines : 0)));
    if (needed === allowed) return [];
    const problem =
      needed === 0 ? `${key} needs no exception any more` : `${key} has ${needed} lines: lower its exception`;
    return needed < allowed ? [{ path: 'tools/tidy/exceptions.json', line: 1, problem }] : [];
  });
}

function fileSize(file: SourceFile): Size {
  const lines = file.text.replace(/\n$/, '').split('\n').length;
  const max = file.path.startsWith('test/') ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  return { key: file.path, path: file.path, line: 1, lines, max };
}

/** `function name(`, `name(…) {` as a method, `name = (…) => {`; a test's own callback has no name here. */
const HEAD =
  /^(\s*)(?:.*\bfunction\*?\s+(\w+)|(?:const\s+|readonly\s+)?#?(\w+)\s*(?:=|:.*=)\s*(?:async\s*)?\(|(?:(?:static|async|override|get|set|\*)\s*)*([#\w]+)\s*(?:<.*>)?\()/;
const NOT_A_FUNCTION =
  /^(?:if|for|while|switch|catch|return|await|void|test|it|describe|suite|before|after|beforeEach|afterEach)$/;

/** A suite: a function around tests, each of which is measured by itself. */
const DECLARES_TEST = /^\s*(?:test|it)\(/;

/** Formatted code closes a block at the indentation at which it was opened; that is all the grammar needed. */
function functionSizes(file: SourceFile): Size[] {
  const lines = withoutProse(file.text).split('\n');
  const sizes: Size[] = [];
  for (const [start, line] of lines.entries()) {
    const head = HEAD.exec(line);
    const name = head?.[2] ?? head?.[3] ?? head?.[4];
    if (name === undefined || NOT_A_FUNCTION.test(name)) continue;
    const indentation = head?.[1] ?? '';
    const end = blockEnd(lines, start, indentation);
    if (end === undefined || lines.slice(start, end).some((inner) => DECLARES_TEST.test(inner))) continue;
    sizes.push({
      key: `${file.path}:${name}`,
      path: file.path,
      line: start + 1,
      lines: end - start + 1,
      max: FUNCTION_LINES_MAX,
    });
  }
  return sizes;
}

/** The line that closes the block which opens at `start`, or further down where the signature takes several lines. */
function blockEnd(lines: readonly string[], start: number, indentation: string): number | undefined {
  let opened = /\{\s*$/.test(lines[start] ?? '');
  for (let at = start + 1; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line.trim() === '' || line.startsWith(`${indentation} `)) continue;
    if (!line.startsWith(indentation)) return undefined;
    if (opened) return /^\s*\}/.test(line) ? at : undefined;
    if (!/^\s*\).*\{\s*$/.test(line)) return undefined;
    opened = true;
  }
  return undefined;
}
