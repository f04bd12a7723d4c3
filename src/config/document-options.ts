/** `docs/configuration.md`, written from the option table. */
import { APP_OPTIONS } from './apps.ts';
import type { Option } from './option.ts';
import { allowedText } from './option-values.ts';
import { environmentName, OPTION_KEYS, optionOf, sectionOf } from './options.ts';
import { literal } from './print-config.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/options.ts by tools/generate-config-docs.ts. Do not edit. -->

Every option has a default, so an empty configuration runs. Later sources overrule earlier ones:

1. the defaults below,
2. a TOML file: \`--config FILE\`, or the file that \`SLUICE_CONFIG\` names, or \`sluice.toml\` in the current directory,
3. environment variables: \`SLUICE_GATE_PORT\` for \`gate.port\`,
4. flags: \`--gate.port 7400\`.

Unknown keys, empty secrets and values out of bounds are errors, all reported at once; nothing starts then. That holds
for every environment variable that begins with \`SLUICE_\`; on Kubernetes set \`enableServiceLinks: false\`, or a service
named \`sluice-gate\` sets such variables by itself. \`sluice start --print-config\` prints what is in force, secrets masked.

Two profiles: \`internet\` holds every limit, \`trusted\` lifts the rates per address, user and connection. With
\`profile = "auto"\` a gate that listens on a loopback address is \`trusted\`.

## Apps

An app (tenant) is a \`[[apps]]\` table. Login tokens are checked against its keys. A configuration file needs at least
one; without a file, and only on loopback addresses, the app \`demo\` exists with a key that everybody knows.

    [[apps]]
    id = "shop"
    sessionPolicy = "one-per-type"
    keys = [
      { kid = "2026-a", algorithm = "HS256", secret = "at least 32 bytes that nobody else knows" },
      { kid = "2026-b", algorithm = "EdDSA", publicKey = "-----BEGIN PUBLIC KEY-----…" },
    ]

A key's \`publicKey\` is PEM text or a JWK table. \`kid\` may be left out when there is one key.
`;

export function documentOptions(): string {
  const parts = [INTRODUCTION, table(Object.entries(APP_OPTIONS).map(([name, option]) => appRow(name, option)))];
  let section: string | undefined;
  let rows: string[] = [];
  for (const key of OPTION_KEYS) {
    if (sectionOf(key) !== section) {
      if (rows.length > 0) parts.push(table(rows));
      section = sectionOf(key);
      rows = [];
      parts.push(`\n## ${section === '' ? 'Profile' : section}\n\n`);
    }
    const option = optionOf(key);
    rows.push(row(`\`${key}\`<br>\`${environmentName(key)}\``, defaultText(option), option));
  }
  parts.push(table(rows));
  return parts.join('');
}

function table(rows: readonly string[]): string {
  return `${['| Key | Default | Allowed | What it does |', '|---|---|---|---|', ...rows].join('\n')}\n`;
}

function appRow(name: string, option: Option): string {
  const inherited = name.startsWith('retention') ? `\`store.${name}\`` : defaultText(option);
  return row(`\`${name}\``, inherited, option);
}

function row(key: string, fallback: string, option: Option): string {
  const protects = option.protects === undefined ? '' : ` Protects against: ${option.protects}`;
  return `| ${key} | ${fallback} | ${allowedText(option)} | ${option.description}${protects} |`;
}

function defaultText(option: Option): string {
  if (option.default === '') return 'none';
  const trusted = option.trusted === undefined ? '' : ` (trusted: ${option.trusted})`;
  return `\`${literal(option.default)}\`${trusted}`;
}
