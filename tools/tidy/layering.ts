/** The layers on the sources: unlike the compiled modules they still show imports of types. */
import { posix } from 'node:path';
import { type Layers, mayUse } from '../layers.ts';
import { withoutComments } from './mask.ts';
import { importsOf } from './owners.ts';
import { type Finding, isCode, lineAt, type Rule, type SourceFile } from './rule.ts';

export function layeringRule(layers: Layers): Rule {
  return (files) =>
    files.filter((file) => isCode(file) && file.path.startsWith('src/')).flatMap((file) => checkFile(layers, file));
}

function checkFile(layers: Layers, file: SourceFile): Finding[] {
  const code = withoutComments(file.text);
  const from = folderOf(file.path);
  const findings: Finding[] = [];
  for (const { specifier, index } of importsOf(code)) {
    if (!specifier.startsWith('.')) continue;
    const target = posix.normalize(posix.join(posix.dirname(file.path), specifier));
    const allowed = target.startsWith('src/') && mayUse(layers, from, folderOf(target));
    if (!allowed)
      findings.push({ path: file.path, line: lineAt(code, index), problem: `${from} may not use ${target}` });
  }
  return findings;
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}
