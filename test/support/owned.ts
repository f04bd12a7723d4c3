import { writeOwned } from '../../src/trunk/owned-frames.ts';
import type { TrunkLink } from '../../src/trunk/trunk-link.ts';

export const PARTITIONS = 64;

/** Says that a scripted logic owns these partitions, all by default. */
export function tellOwned(
  link: TrunkLink,
  partitions: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition),
  ownerEpoch = 1,
): void {
  writeOwned(
    link.writer,
    partitions.map((partition) => ({ partition, ownerEpoch })),
  );
  link.touch();
}
