/** Writing or, with `--check`, comparing a generated file: shared by the generators. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** The path of a file of the repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

export function readRepositoryFile(path: string): string {
  return readFileSync(repositoryPath(path), 'utf8');
}

/** Writes `text`; with `--check` on the command line it compares instead and sets exit code 1 when they differ. */
export function writeOrCheck(path: string, text: string): void {
  const full = repositoryPath(path);
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('.', new URL(path, ROOT)), { recursive: true });
    writeFileSync(full, text);
  } else if (!existsSync(full) || readFileSync(full, 'utf8') !== text) {
    console.error(`${path} differs from its source: run npm run generate`);
    process.exitCode = 1;
  }
}
