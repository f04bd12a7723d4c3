/** The last lines of a run: each target with its value, and the verdict. */
import type { BenchResult, Finding } from './result.ts';

export function summary(result: BenchResult): string {
  const rows = result.findings.map((finding) => [
    finding.target === undefined ? '  ' : finding.holds ? 'ok' : 'NO',
    finding.what,
    `${formatNumber(finding.value)} ${finding.unit}`.trim(),
    formatTarget(finding),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { machine, runtime, scenario, verdict, reason } = result;
  return [
    '',
    `${scenario} on ${runtime}, ${machine.cores} × ${machine.cpu}, Linux ${machine.kernel}, ${machine.commit}`,
    ...lines.map((line) => `  ${line}`),
    `verdict: ${verdict}${reason === '' ? '' : ` (${reason})`}`,
    '',
  ].join('\n');
}

/** "at most 0.4"; empty without a target. */
export function formatTarget({ target: wanted }: Finding): string {
  if (wanted === undefined) return '';
  return 'atMost' in wanted ? `at most ${formatNumber(wanted.atMost)}` : `at least ${formatNumber(wanted.atLeast)}`;
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
