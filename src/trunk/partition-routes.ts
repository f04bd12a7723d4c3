/**
 * Partition → the link to its owner, from what the logics say they own.
 *
 *   Owned of A: 3@17 4@17 ──► claims ──► the highest owner epoch of each partition ──► linkOf(3), linkOf(4) = A
 *   Owned of B: 4@18      ──►                                                          linkOf(4) = B
 *
 * Owner epochs only grow. A claim below the highest that was ever seen is a past owner's, however late it comes: it never
 * has the partition again, also when the present owner goes and nobody has it for a while. `linkOf` is one array read.
 */
import type { OwnedPartition } from './trunk-protocol.ts';

export class PartitionRoutes<Link> {
  #links: (Link | undefined)[] = [];
  /** The highest owner epoch seen, by partition. */
  #epochs: number[] = [];
  readonly #claims: Map<Link, ReadonlyMap<number, number>> = new Map();
  #routed = 0;

  /** How many partitions there are; 0 until somebody has said so. */
  get partitions(): number {
    return this.#links.length;
  }

  /** Partitions that have an owner. */
  get routed(): number {
    return this.#routed;
  }

  /** Another store, or the first: nothing is known of its partitions. */
  reset(partitions: number): void {
    this.#links = new Array<Link | undefined>(partitions).fill(undefined);
    this.#epochs = new Array<number>(partitions).fill(0);
    this.#claims.clear();
    this.#routed = 0;
  }

  linkOf(partition: number): Link | undefined {
    return this.#links[partition];
  }

  /** Takes the whole list of a link. Answers the partitions that have another owner than before, or a new time of one. */
  announce(link: Link, owned: readonly OwnedPartition[]): number[] {
    const before = this.#claims.get(link) ?? new Map<number, number>();
    const claims = new Map<number, number>();
    for (const { partition, ownerEpoch } of owned) {
      if (partition < this.partitions) claims.set(partition, ownerEpoch);
    }
    this.#claims.set(link, claims);
    const touched = new Set([...before.keys(), ...claims.keys()]);
    return [...touched].filter((partition) => {
      const isAnew = before.get(partition) !== claims.get(partition);
      const moved = this.#decide(partition);
      return moved || (isAnew && this.#links[partition] === link);
    });
  }

  /** The link is gone. Answers the partitions that had it. */
  remove(link: Link): number[] {
    const changed = this.announce(link, []);
    this.#claims.delete(link);
    return changed;
  }

  /** True when the partition has another link than before. */
  #decide(partition: number): boolean {
    const current = this.#links[partition];
    let best: Link | undefined;
    let bestEpoch = this.#epochs[partition] as number;
    for (const [link, claims] of this.#claims) {
      const epoch = claims.get(partition);
      if (epoch === undefined || epoch < bestEpoch) continue;
      if (best === undefined || epoch > bestEpoch || link === current) best = link;
      bestEpoch = epoch;
    }
    this.#epochs[partition] = bestEpoch;
    if (best === current) return false;
    this.#routed += Number(best !== undefined) - Number(current !== undefined);
    this.#links[partition] = best;
    return true;
  }
}
