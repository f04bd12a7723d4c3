/** Every link of a document to something in the repository leads there. */
import { posix } from 'node:path';
import { type Finding, findAll, type Rule, type SourceFile } from './rule.ts';

const LINK = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const CODE = /^(```|~~~)[\s\S]*?^\1|`[^`\n]*`/gm;
const ELSEWHERE = /^(?:[a-z][a-z+.-]*:|#)/i;

export const linksRule: Rule = (files) => {
  const known = new Set<string>();
  for (const { path } of files) {
    for (let at = path; at !== '.'; at = posix.dirname(at)) known.add(at);
  }
  return files.filter((file) => file.path.endsWith('.md')).flatMap((file) => brokenLinks(file, known));
};

function brokenLinks(file: SourceFile, known: ReadonlySet<string>): Finding[] {
  const prose = file.text.replace(CODE, (code) => code.replace(/[^\n]/g, ' '));
  return findAll(file, prose, LINK, (match) => match.replace(LINK, '$1')).flatMap((found) => {
    const target = found.problem;
    if (ELSEWHERE.test(target)) return [];
    const [path = ''] = target.split(/[#?]/);
    const start = path.startsWith('/') ? '.' : posix.dirname(file.path);
    const resolved = posix.normalize(posix.join(start, decodeURI(path))).replace(/\/$/, '');
    return resolved === '.' || known.has(resolved) ? [] : [{ ...found, problem: `${target} leads nowhere` }];
  });
}
