/** A worker thread's entry: renders a page, which takes most of a second. */
import type { BenchResult } from '../result.ts';
import { renderPage } from './page.ts';

export default function render(results: readonly BenchResult[]): string {
  return renderPage(results);
}
