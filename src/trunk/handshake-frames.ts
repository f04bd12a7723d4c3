/** The first frame of each end of a trunk link: who dials, and who answers. Readers answer undefined for nonsense. */
import { MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import { type HelloFrame, TrunkCommand, type WelcomeFrame } from './trunk-protocol.ts';

const U32 = 0xffffffff;
const reader = new MessagePackReader();

export function writeHello(writer: MessagePackWriter, frame: HelloFrame): void {
  const start = writer.beginFrame(TrunkCommand.Hello, 0);
  writer.arrayHeader(4);
  writer.uint(frame.version);
  writer.str(frame.role);
  writer.str(frame.name);
  writer.str(frame.bootId);
  writer.endFrame(start);
}

export function writeWelcome(writer: MessagePackWriter, frame: WelcomeFrame): void {
  const start = writer.beginFrame(TrunkCommand.Welcome, 0);
  writer.arrayHeader(4);
  writer.uint(frame.version);
  writer.str(frame.bootId);
  writer.uint(frame.partitions);
  writer.uint(frame.durability);
  writer.endFrame(start);
}

export function readHello(bytes: Buffer, start: number, end: number): HelloFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { version: reader.uint(U32), role: reader.str(), name: reader.str(), bootId: reader.str() };
  return reader.failed ? undefined : frame;
}

export function readWelcome(bytes: Buffer, start: number, end: number): WelcomeFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    version: reader.uint(U32),
    bootId: reader.str(),
    partitions: reader.uint(U32),
    durability: reader.uint(0xff),
  };
  return reader.failed ? undefined : frame;
}
