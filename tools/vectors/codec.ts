/**
 * The protocol's codec by command name, for tools and tests that work on any command: the hand-written one through
 * the generated `write…`/`read…` functions, and an independent one through the general MessagePack encoder.
 */
import * as bodies from '../../src/protocol/generated/bodies.ts';
import { encodeBody } from '../../src/protocol/message-pack-values.ts';
import { MessagePackWriter } from '../../src/protocol/message-pack-writer.ts';
import { type CommandSpecification, loadSpecification, pascalCase, type Specification } from '../generate-protocol.ts';

/** A body by field name; binaries are bytes, arrays of bodies are nested. */
export type NamedBody = Readonly<Record<string, unknown>>;

type Write = (writer: MessagePackWriter, requestId: number, body: NamedBody) => void;
type Read = (bytes: Buffer, start: number, end: number) => NamedBody | undefined;

const functions = bodies as unknown as Readonly<Record<string, Write | Read>>;

export const SPECIFICATION: Specification = loadSpecification();

export function commandNamed(name: string): CommandSpecification {
  const command = SPECIFICATION.commands.find((item) => item.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}

export function commandCoded(code: number): CommandSpecification | undefined {
  return SPECIFICATION.commands.find((item) => item.code === code);
}

/** A whole frame, by the hand-written codec. */
export function writeFrame(command: string, requestId: number, body: NamedBody): Buffer {
  const writer = new MessagePackWriter(64);
  (functions[`write${pascalCase(command)}`] as Write)(writer, requestId, body);
  return writer.copy();
}

/** The body in `bytes[start, end)`, by the hand-written codec; undefined when it is malformed. */
export function readBody(command: string, bytes: Buffer, start = 0, end: number = bytes.length): NamedBody | undefined {
  return (functions[`read${pascalCase(command)}`] as Read)(bytes, start, end);
}

/** The body's fields in wire order, as plain values for a general encoder. */
export function positional(command: string, body: NamedBody): unknown[] {
  return commandNamed(command).fields.map((field) => {
    const value = body[field.name];
    if (field.type !== 'array' || field.of === 'str') return value;
    return (value as NamedBody[]).map((element) => positional(field.of as string, element));
  });
}

/** A header for `body`, whatever it holds. */
export function frameOf(code: number, requestId: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUIntBE(body.length, 0, 3);
  header.writeUInt8(code, 3);
  header.writeUInt32BE(requestId, 4);
  return Buffer.concat([header, body]);
}

/** A whole frame, by the general encoder: shares no code with `writeFrame`. */
export function writeFrameGenerally(command: string, requestId: number, body: NamedBody): Buffer {
  return frameOf(commandNamed(command).code, requestId, encodeBody(positional(command, body)));
}
