/** Owned: the whole list of what a logic owns. The reader answers undefined for a frame that makes no sense. */
import { INTEGER_MAX, MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import { type OwnedPartition, TrunkCommand } from './trunk-protocol.ts';

const U32 = 0xffffffff;
const reader = new MessagePackReader();

export function writeOwned(writer: MessagePackWriter, owned: readonly OwnedPartition[]): void {
  const start = writer.beginFrame(TrunkCommand.Owned, 0);
  writer.arrayHeader(owned.length * 2);
  for (const { partition, ownerEpoch } of owned) {
    writer.uint(partition);
    writer.uint(ownerEpoch);
  }
  writer.endFrame(start);
}

export function readOwned(bytes: Buffer, start: number, end: number): OwnedPartition[] | undefined {
  const count = reader.reset(bytes, start, end).arrayHeader();
  const owned: OwnedPartition[] = [];
  for (let i = 0; i < count && !reader.failed; i += 2) {
    owned.push({ partition: reader.uint(U32), ownerEpoch: reader.uint(INTEGER_MAX) });
  }
  return reader.failed ? undefined : owned;
}
