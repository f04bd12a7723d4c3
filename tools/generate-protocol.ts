/**
 * Generates `src/protocol/generated/*.ts` from `protocol-spec/protocol.json`, the single source.
 *
 *   node dist/tools/generate-protocol.js          writes
 *   node dist/tools/generate-protocol.js --check  exits 1 when a file differs
 *
 * `Specification` and `loadSpecification` serve the other generators (tables, vectors) too.
 */
import { fileURLToPath } from 'node:url';
import { readRepositoryFile, writeOrCheck } from './generated-file.ts';

interface Documented {
  name: string;
  doc: string;
}

export interface FieldSpecification extends Documented {
  type: 'u8' | 'u16' | 'u32' | 'u64' | 'bool' | 'str' | 'bin' | 'array';
  max?: string;
  of?: string;
}

export interface CommandSpecification extends Documented {
  code: number;
  direction: 'client' | 'server';
  reply?: string | null;
  fields: FieldSpecification[];
}

export interface Specification {
  version: number;
  header: { bytes: number; fields: (Documented & { type: string; offset: number })[] };
  limits: (Documented & { value: number })[];
  ranges: (Documented & { first: number; last: number })[];
  capabilities: (Documented & { bit: number })[];
  enumerations: (Documented & { values: (Documented & { value: number })[] })[];
  commands: CommandSpecification[];
  closeRanges: (Documented & { first: number; last: number })[];
  closeReasons: (Documented & { code: number })[];
  errorCodes: (Documented & { code: number; retry: boolean })[];
}

export function loadSpecification(): Specification {
  return JSON.parse(readRepositoryFile('protocol-spec/protocol.json')) as Specification;
}

/** `FRAME_TOO_LARGE` → `FrameTooLarge`. */
export function pascalCase(name: string): string {
  return name
    .split('_')
    .map((word) => (word[0] ?? '') + word.slice(1).toLowerCase())
    .join('');
}

const BANNER = '// Generated from protocol-spec/protocol.json by tools/generate-protocol.ts. Do not edit.\n';

function enumeration(name: string, doc: string, values: readonly (Documented & { value: number })[]): string {
  const lines = values.map((value) => `  /** ${value.doc} */\n  ${pascalCase(value.name)}: ${value.value},`);
  return [
    `/** ${doc} */`,
    `export const ${name} = {`,
    ...lines,
    '} as const;',
    `export type ${name} = (typeof ${name})[keyof typeof ${name}];`,
    '',
  ].join('\n');
}

function nameTable(constant: string, doc: string, values: readonly { name: string; value: number }[]): string {
  const lines = values.map((value) => `  ${value.value}: '${value.name}',`);
  return `/** ${doc} */\nexport const ${constant}: Readonly<Record<number, string>> = {\n${lines.join('\n')}\n};\n`;
}

function generateConstants(spec: Specification): string {
  const coded = (list: readonly (Documented & { code: number })[]): (Documented & { value: number })[] =>
    list.map((item) => ({ name: item.name, doc: item.doc, value: item.code }));
  const flags = spec.capabilities.map((item) => ({ ...item, value: 2 ** item.bit }));
  const parts = [
    BANNER,
    `/** ${'The protocol version of this specification.'} */\nexport const PROTOCOL_VERSION = ${spec.version};\n`,
    ...spec.limits.map((limit) => `/** ${limit.doc} */\nexport const ${limit.name} = ${limit.value};`),
    '',
    enumeration('Command', 'What a frame means.', coded(spec.commands)),
    nameTable('COMMAND_NAMES', 'Command code → its name in the specification.', coded(spec.commands)),
    ...spec.ranges.map(
      (range) =>
        `/** ${range.doc} */\nexport const ${range.name}_COMMANDS = { first: ${range.first}, last: ${range.last} } as const;`,
    ),
    '',
    enumeration('Capability', 'Bits of the capabilities field of CONNECT.', flags),
    ...spec.enumerations.map((item) => enumeration(item.name, item.doc, item.values)),
    enumeration(
      'CloseReason',
      'Why a connection ends: wire code, log field and metric label.',
      coded(spec.closeReasons),
    ),
    nameTable('CLOSE_REASON_NAMES', 'Close reason → its name in the specification.', coded(spec.closeReasons)),
    ...spec.closeRanges.map(
      (range) =>
        `/** ${range.doc} */\nexport const ${range.name}_REASONS = { first: ${range.first}, last: ${range.last} } as const;`,
    ),
    '',
    enumeration('ErrorCode', 'Why one request was refused.', coded(spec.errorCodes)),
    nameTable('ERROR_CODE_NAMES', 'Error code → its name in the specification.', coded(spec.errorCodes)),
    `/** Codes after which the same request may be tried again. */\nexport const RETRYABLE_ERRORS: ReadonlySet<number> = new Set([${spec.errorCodes
      .filter((item) => item.retry)
      .map((item) => item.code)
      .join(', ')}]);\n`,
  ];
  return parts.join('\n');
}

const INTEGER_MAXIMA: Record<string, string> = { u8: '0xff', u16: '0xffff', u32: '0xffffffff', u64: 'INTEGER_MAX' };

function typeScriptType(field: FieldSpecification): string {
  if (field.type === 'array')
    return field.of === 'str' ? 'readonly string[]' : `readonly ${pascalCase(field.of ?? '')}Body[]`;
  if (field.type === 'str') return 'string';
  if (field.type === 'bin') return 'Uint8Array';
  return field.type === 'bool' ? 'boolean' : 'number';
}

function writeStatements(field: FieldSpecification): string[] {
  const value = `body.${field.name}`;
  if (field.type === 'array') {
    const element =
      field.of === 'str' ? 'writer.str(element)' : `write${pascalCase(field.of ?? '')}Body(writer, element)`;
    return [`writer.arrayHeader(${value}.length);`, `for (const element of ${value}) ${element};`];
  }
  if (field.type === 'str' || field.type === 'bin' || field.type === 'bool') return [`writer.${field.type}(${value});`];
  return [`writer.uint(${value});`];
}

function readExpression(field: FieldSpecification): string {
  if (field.type === 'array')
    return field.of === 'str' ? 'readStrings(reader)' : `readArray(reader, read${pascalCase(field.of ?? '')}Fields)`;
  if (field.type === 'str' || field.type === 'bin' || field.type === 'bool') return `reader.${field.type}()`;
  return `reader.uint(${INTEGER_MAXIMA[field.type]})`;
}

function generateBody(command: CommandSpecification): string {
  const name = pascalCase(command.name);
  const count = command.fields.length;
  const members = command.fields.map(
    (field) => `  /** ${field.doc} */\n  readonly ${field.name}: ${typeScriptType(field)};`,
  );
  const empty = count === 0;
  const reads = command.fields.map((field) => `  const ${field.name} = ${readExpression(field)};`);
  const result = empty ? '{}' : `{ ${command.fields.map((field) => field.name).join(', ')} }`;
  return [
    `/** ${command.name}: ${command.doc} */`,
    empty
      ? `export type ${name}Body = Readonly<Record<never, never>>;`
      : `export interface ${name}Body {\n${members.join('\n')}\n}`,
    '',
    `export function write${name}Body(writer: MessagePackWriter, ${empty ? '_body' : 'body'}: ${name}Body): void {`,
    `  writer.arrayHeader(${count});`,
    ...command.fields.flatMap((field) => writeStatements(field).map((line) => `  ${line}`)),
    '}',
    '',
    `/** Writes a whole ${command.name} frame. */`,
    `export function write${name}(writer: MessagePackWriter, requestId: number, body: ${name}Body): void {`,
    `  const start = writer.beginFrame(${command.code}, requestId);`,
    `  write${name}Body(writer, body);`,
    '  writer.endFrame(start);',
    '}',
    '',
    `function read${name}Fields(reader: MessagePackReader): ${name}Body {`,
    `  const length = readLength(reader, ${count});`,
    ...reads,
    `  reader.skip(length - ${count}, ${count + 1});`,
    `  return ${result};`,
    '}',
    '',
    `/** Undefined when \`bytes[start, end)\` is not a body of ${command.name}. Binaries are views. */`,
    `export function read${name}(bytes: Buffer, start: number, end: number): ${name}Body | undefined {`,
    `  const body = read${name}Fields(reader.reset(bytes, start, end));`,
    '  reader.finish();',
    '  return reader.failed ? undefined : body;',
    '}',
    '',
  ].join('\n');
}

function generateBodies(spec: Specification): string {
  return [
    BANNER,
    "import { MessagePackReader } from '../message-pack-reader.ts';",
    "import type { MessagePackWriter } from '../message-pack-writer.ts';",
    "import { INTEGER_MAX } from './protocol.ts';",
    '',
    'const reader = new MessagePackReader();',
    '',
    '/** The length of the body array; a shorter one than `fields` fails. */',
    'function readLength(reader: MessagePackReader, fields: number): number {',
    '  const length = reader.arrayHeader();',
    '  if (length < fields) reader.failed = true;',
    '  return length;',
    '}',
    '',
    'function readStrings(reader: MessagePackReader): string[] {',
    '  return readArray(reader, (from) => from.str());',
    '}',
    '',
    'function readArray<T>(reader: MessagePackReader, readElement: (reader: MessagePackReader) => T): T[] {',
    '  const elements: T[] = [];',
    '  const length = reader.arrayHeader();',
    '  for (let i = 0; i < length && !reader.failed; i++) elements.push(readElement(reader));',
    '  return elements;',
    '}',
    '',
    ...spec.commands.map(generateBody),
  ].join('\n');
}

/** Path in the repository → its text. */
export function generateCode(spec: Specification): Record<string, string> {
  return {
    'src/protocol/generated/protocol.ts': generateConstants(spec),
    'src/protocol/generated/bodies.ts': generateBodies(spec),
  };
}

function main(): void {
  for (const [path, text] of Object.entries(generateCode(loadSpecification()))) writeOrCheck(path, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
