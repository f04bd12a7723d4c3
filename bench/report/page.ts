/** A self-contained page of one or several results: tables, plots as inline SVG, light and dark. */
import type { BenchResult, Finding } from '../result.ts';
import { formatNumber, formatTarget } from '../summary.ts';
import type { Figure } from './draw.ts';
import { figuresOf } from './plots.ts';

const STYLE = `
:root { color-scheme: light dark; --bg: #fbfaf7; --card: #fff; --fg: #1d2330; --soft: #667085; --line: #e4e2dc;
  --sluice: #0f7b8a; --bare: #98a2b3; --mosquitto: #c4622d; --aedes: #8b5fb3; --on-colour: #fff;
  --p1: #0f7b8a; --p2: #14a3a8; --p3: #3f5f9e; --p4: #7fb069; --p5: #d9a441; --p6: #b65a7a; --ok: #1c7c4a; --no: #b42318; }
@media (prefers-color-scheme: dark) { :root { --bg: #12151b; --card: #1a1f28; --fg: #e8eaf0; --soft: #98a2b3;
  --line: #2b323f; --sluice: #3cc2cf; --bare: #8792a6; --mosquitto: #f08c54; --aedes: #bd93e6; --on-colour: #10141a;
  --p1: #3cc2cf; --p2: #5fe0dc; --p3: #88a8ee; --p4: #a5d78c; --p5: #f0c667; --p6: #e58aa9; --ok: #6ad39b; --no: #ff8a7d; } }
* { box-sizing: border-box } body { margin: 0; background: var(--bg); color: var(--fg);
  font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 820px; margin: 0 auto; padding: 48px 24px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; }
h2 { font-size: 21px; margin: 56px 0 4px; } h3 { font-size: 16px; margin: 0 0 2px; } p { margin: 4px 0 12px; }
.soft { color: var(--soft); } .machine { font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 22px; margin: 16px 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } td, th { padding: 6px 10px 6px 0;
  text-align: left; border-top: 1px solid var(--line); vertical-align: top; } th { font-weight: 600; border-top: 0; color: var(--soft);
  font-size: 13px; } td.n, th.n { text-align: right; white-space: nowrap; } tr.ok td:first-child::before { content: "✓"; color: var(--ok); }
tr.no td:first-child::before { content: "✕"; color: var(--no); } .verdict { display: inline-block; padding: 1px 10px; border-radius: 99px;
  font-size: 13px; font-weight: 600; border: 1px solid currentColor; } .pass { color: var(--ok); } .fail { color: var(--no); }
.insufficient-evidence { color: var(--p5); } svg { max-width: 100%; height: auto; display: block; margin-top: 8px; }
.legend { font-size: 13px; } .legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 14px; }
.legend i:first-child { margin-left: 0; } pre { overflow-x: auto; font-size: 12px; }
`;

const LEGEND = ['sluice', 'bare', 'mosquitto', 'aedes']
  .map((name) => `<i style="background:var(--${name})"></i>${name}`)
  .join('');

export function renderPage(results: readonly BenchResult[]): string {
  const [first] = results;
  const title = 'Sluice: what it carries and what it costs';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head><body><main>
<h1>${title}</h1>
${first === undefined ? '' : machineLine(first)}
${results.map(section).join('\n')}
</main></body></html>
`;
}

function machineLine({ machine, runtime, startedAt }: BenchResult): string {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`;
  const facts = [
    `${machine.cores} × ${machine.cpu}`,
    memory,
    `Linux ${machine.kernel}`,
    runtime,
    `commit ${machine.commit}`,
  ];
  return `<p class="soft machine">${escapeHtml([...facts, startedAt.slice(0, 10)].join(' · '))}. Clients, generator and system share the machine.</p>`;
}

function section(result: BenchResult): string {
  const { scenario, verdict, reason, settings, profile, runtime } = result;
  const figures = figuresOf(result);
  const legend = figures.length > 0 && scenario === 'compare' ? `<p class="legend soft">${LEGEND}</p>` : '';
  return `<h2>${escapeHtml(scenario)} <span class="verdict ${verdict}">${verdict}</span></h2>
<p class="soft">${escapeHtml(runtime)}, profile ${escapeHtml(profile)}${reason === '' ? '' : ` · ${escapeHtml(reason)}`}</p>
<div class="card"><table><tr><th></th><th>measured</th><th class="n">value</th><th class="n">target</th></tr>
${result.findings.map(row).join('\n')}</table></div>
${legend}${figures.map(card).join('\n')}
<details class="soft"><summary>settings</summary><pre>${escapeHtml(JSON.stringify(settings, undefined, 2))}</pre></details>`;
}

function row(finding: Finding): string {
  const mark = finding.target === undefined ? '' : finding.holds ? 'ok' : 'no';
  const value = `${formatNumber(finding.value)} ${finding.unit}`.trim();
  return `<tr class="${mark}"><td></td><td>${escapeHtml(finding.what)}</td><td class="n">${escapeHtml(value)}</td><td class="n soft">${escapeHtml(formatTarget(finding))}</td></tr>`;
}

function card({ title, text, svg }: Figure): string {
  return `<div class="card"><h3>${escapeHtml(title)}</h3><p class="soft">${escapeHtml(text)}</p>${svg}</div>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
