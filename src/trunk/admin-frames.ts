/** The trunk frames between the command line and logic: writers, and readers that answer undefined for nonsense. */
import { INTEGER_MAX, MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import { type BackedUpFrame, type BackupFrame, TrunkCommand } from './trunk-protocol.ts';

const reader = new MessagePackReader();

export function writeBackup(writer: MessagePackWriter, requestId: number, frame: BackupFrame): void {
  const start = writer.beginFrame(TrunkCommand.Backup, requestId);
  writer.arrayHeader(1);
  writer.str(frame.directory);
  writer.endFrame(start);
}

export function readBackup(bytes: Buffer, start: number, end: number): BackupFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { directory: reader.str() };
  return reader.failed ? undefined : frame;
}

export function writeBackedUp(writer: MessagePackWriter, requestId: number, frame: BackedUpFrame): void {
  const start = writer.beginFrame(TrunkCommand.BackedUp, requestId);
  writer.arrayHeader(4);
  writer.str(frame.error);
  writer.str(frame.storeId);
  writer.uint(frame.segments);
  writer.uint(frame.bytes);
  writer.endFrame(start);
}

export function readBackedUp(bytes: Buffer, start: number, end: number): BackedUpFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    error: reader.str(),
    storeId: reader.str(),
    segments: reader.uint(INTEGER_MAX),
    bytes: reader.uint(INTEGER_MAX),
  };
  return reader.failed ? undefined : frame;
}
