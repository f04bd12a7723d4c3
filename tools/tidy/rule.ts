/** A text file of the repository. */
export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One thing that is not tidy. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

export type Rule = (files: readonly SourceFile[]) => Finding[];

/** Every match of `pattern` (with the flag g) in `text`, which may be a masked form of the file. */
export function findAll(
  file: SourceFile,
  text: string,
  pattern: RegExp,
  problem: (match: string) => string,
): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    problem: problem(match[0]),
  }));
}

/** The number, from 1, of the line that holds the character at `index`. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** TypeScript and JavaScript, except what is generated. */
export function isCode(file: SourceFile): boolean {
  return /\.(ts|mjs|cjs)$/.test(file.path) && !file.path.includes('/generated/');
}
