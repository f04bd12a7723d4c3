/**
 * Fills the generated parts of `protocol-spec/README.md`: what stands between `<!-- generated:NAME -->` and
 * `<!-- /generated -->`.
 *
 *   node dist/tools/generate-protocol-tables.js          writes
 *   node dist/tools/generate-protocol-tables.js --check  exits 1 when the file differs
 *
 * Tables come from `protocol-spec/protocol.json`, example bytes from the first vector of each command, the appendix from
 * the `[S-…]` requirements of the page itself.
 */
import { fileURLToPath } from 'node:url';
import type { FieldSpecification, Specification } from './generate-protocol.ts';
import { readRepositoryFile, writeOrCheck } from './generated-file.ts';
import { commandNamed, SPECIFICATION } from './vectors/codec.ts';
import { exampleLines } from './vectors/example.ts';
import { exampleTokens } from './vectors/token.ts';
import { exampleOf } from './vectors/valid.ts';

export const SPECIFICATION_PAGE = 'protocol-spec/README.md';

export interface Requirement {
  readonly id: string;
  readonly text: string;
}

const BLOCK = /<!-- generated:([\w:]+) -->\n[\s\S]*?<!-- \/generated -->/g;
const REQUIREMENT = /^- \*\*\[(S-[A-Z]+-\d+)\]\*\* (.+)$/gm;

/** Every numbered requirement of a page, in its order. */
export function requirementsOf(page: string): Requirement[] {
  return [...page.matchAll(REQUIREMENT)].map(([, id = '', text = '']) => ({ id, text }));
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const hexCode = (code: number): string => code.toString(16).padStart(2, '0');
const quoted = (name: string): string => `\`${name}\``;
const grouped = (value: number): string => value.toLocaleString('en-US');

function limitOf(field: FieldSpecification): string {
  const value = SPECIFICATION.limits.find((limit) => limit.name === field.max)?.value;
  return value === undefined ? '' : `≤ ${grouped(value)} bytes`;
}

function typeOf(field: FieldSpecification): string {
  return field.type === 'array' ? `array of ${field.of}` : field.type;
}

function fieldTable(command: string): string {
  const { fields } = commandNamed(command);
  if (fields.length === 0) return 'None: the body is an empty array.';
  return table(
    ['#', 'Field', 'Type', 'Limit', 'Meaning'],
    fields.map((field, index) => [index, quoted(field.name), typeOf(field), limitOf(field), field.doc]),
  );
}

function commandTable({ commands, ranges }: Specification): string {
  const rangeOf = (code: number): string =>
    ranges.find((range) => code >= range.first && code <= range.last)?.name ?? '';
  return table(
    ['Command', 'Code', 'Range', 'From', 'Answer', 'Meaning'],
    commands.map(({ name, code, direction, reply, doc }) => [
      `[${name}](#${name.toLowerCase()})`,
      hexCode(code),
      rangeOf(code),
      direction,
      reply ?? '',
      doc,
    ]),
  );
}

function enumerationTable(name: string): string {
  const item = SPECIFICATION.enumerations.find((enumeration) => enumeration.name === name);
  if (item === undefined) throw new Error(`no enumeration ${name}`);
  return `**${name}**: ${item.doc}\n\n${table(
    ['Name', 'Value', 'Meaning'],
    item.values.map((value) => [quoted(value.name), value.value, value.doc]),
  )}`;
}

function closeReasonTable({ closeReasons, closeRanges }: Specification): string {
  const rangeOf = (code: number): string =>
    closeRanges.find((range) => code >= range.first && code <= range.last)?.name ?? '';
  return table(
    ['Reason', 'Code', 'Range', 'Meaning'],
    closeReasons.map(({ name, code, doc }) => [quoted(name), code, rangeOf(code), doc]),
  );
}

function exampleBlock(command: string): string {
  return ['```', ...exampleLines(exampleOf(command)), '```'].join('\n');
}

const TABLES: Readonly<Record<string, (argument: string, page: string) => string>> = {
  header: () =>
    table(
      ['First byte', 'Field', 'Type', 'Meaning'],
      SPECIFICATION.header.fields.map(({ offset, name, type, doc }) => [offset, quoted(name), type, doc]),
    ),
  limits: () =>
    table(
      ['Limit', 'Value', 'Meaning'],
      SPECIFICATION.limits.map(({ name, value, doc }) => [quoted(name), grouped(value), doc]),
    ),
  ranges: () =>
    table(
      ['Range', 'Codes', 'Meaning'],
      SPECIFICATION.ranges.map(({ name, first, last, doc }) => [
        quoted(name),
        `${hexCode(first)}–${hexCode(last)}`,
        doc,
      ]),
    ),
  commands: () => commandTable(SPECIFICATION),
  fields: fieldTable,
  example: exampleBlock,
  enum: enumerationTable,
  capabilities: () =>
    table(
      ['Capability', 'Bit', 'Value', 'Meaning'],
      SPECIFICATION.capabilities.map(({ name, bit, doc }) => [quoted(name), bit, 2 ** bit, doc]),
    ),
  closeRanges: () =>
    table(
      ['Range', 'Codes', 'What the client does'],
      SPECIFICATION.closeRanges.map(({ name, first, last, doc }) => [quoted(name), `${first}–${last}`, doc]),
    ),
  closeReasons: () => closeReasonTable(SPECIFICATION),
  errorCodes: () =>
    table(
      ['Error', 'Code', 'Retry', 'Meaning'],
      SPECIFICATION.errorCodes.map(({ name, code, retry, doc }) => [quoted(name), code, retry ? 'yes' : 'no', doc]),
    ),
  token: exampleTokens,
  requirements: (_argument, page) =>
    table(
      ['Id', 'Requirement'],
      requirementsOf(page).map(({ id, text }) => [id, text.replaceAll('|', '\\|')]),
    ),
};

/** The page with every generated part made anew. */
export function generateTables(page: string): string {
  return page.replace(BLOCK, (_block, name: string) => {
    const [kind = '', argument = ''] = name.split(':');
    const render = TABLES[kind];
    if (render === undefined) throw new Error(`${SPECIFICATION_PAGE}: nothing generates ${name}`);
    return `<!-- generated:${name} -->\n${render(argument, page)}\n<!-- /generated -->`;
  });
}

function main(): void {
  writeOrCheck(SPECIFICATION_PAGE, generateTables(readRepositoryFile(SPECIFICATION_PAGE)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
