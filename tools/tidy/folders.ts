/** Every folder of `src` says in a few lines what it is responsible for, what it is not, and where to start reading. */
import type { Finding, Rule } from './rule.ts';

export const FOLDER_README_LINES_MAX = 10;

export const foldersRule: Rule = (files) => {
  const folders = new Set(files.flatMap(({ path }) => /^src\/[^/]+(?=\/)/.exec(path) ?? []));
  return [...folders].flatMap((folder): Finding[] => {
    const path = `${folder}/README.md`;
    const readme = files.find((file) => file.path === path);
    if (readme === undefined) return [{ path, line: 1, problem: 'is missing' }];
    const lines = readme.text.trimEnd().split('\n').length;
    if (lines <= FOLDER_README_LINES_MAX) return [];
    return [{ path, line: 1, problem: `has ${lines} lines, ${FOLDER_README_LINES_MAX} are allowed` }];
  });
};
