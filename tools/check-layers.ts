/**
 * Runs dependency-cruiser over a folder of compiled modules and fails on a broken rule, and also when it did not see
 * every module: a cruise that sees nothing finds nothing.
 *
 *   node dist/tools/check-layers.js [folder]
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

interface CruiseResult {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly Violation[] };
}

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}

/** What is wrong with the modules below `folder`, a path relative to `root`. */
export function checkLayers(root: string, folder: string): string[] {
  const wanted = compiledModules(join(root, folder)).length;
  if (wanted === 0) return [`no module in ${folder}`];
  const here = process.cwd();
  const done = spawnSync(
    process.execPath,
    [
      join(here, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs'),
      '--config',
      resolve(here, '.dependency-cruiser.cjs'),
      '--output-type',
      'json',
      folder,
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX },
  );
  if (done.stdout === '') return [`dependency-cruiser said nothing: ${done.stderr}`];
  return problemsOf(JSON.parse(done.stdout) as CruiseResult, folder, wanted);
}

function problemsOf(result: CruiseResult, folder: string, wanted: number): string[] {
  const seen = result.modules.filter((module) => module.source.startsWith(`${folder}/`)).length;
  const problems = result.summary.violations.map((found) => `${found.rule.name}: ${found.from} → ${found.to}`);
  if (seen < wanted) problems.push(`saw ${seen} of ${wanted} modules in ${folder}`);
  return problems;
}

function compiledModules(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
}

if (import.meta.filename === process.argv[1]) {
  const problems = checkLayers(process.cwd(), process.argv[2] ?? 'dist/src');
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
