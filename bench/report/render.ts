/** Writes the page of one or several results. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Piscina } from 'piscina';
import type { BenchResult } from '../result.ts';

export async function writePage(file: string, results: readonly BenchResult[]): Promise<void> {
  const pool = new Piscina<readonly BenchResult[], string>({
    filename: new URL('./render-main.js', import.meta.url).href,
    maxThreads: 1,
  });
  try {
    // A result is what its JSON says.
    const page = await pool.run(JSON.parse(JSON.stringify(results)) as readonly BenchResult[]);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, page);
  } finally {
    await pool.destroy();
  }
}

export function readResult(file: string): BenchResult {
  return JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
}
