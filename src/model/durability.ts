/** How safe a commit is when it is acknowledged. The numbers go over the wire and into the store's records. */
export const Durability = {
  /** In this process's memory: survives nothing. */
  Memory: 1,
  /** Handed to the operating system: survives the death of the process. */
  Os: 2,
  /** On stable storage (fsync): survives power loss. The default. */
  Disk: 3,
} as const;
export type Durability = (typeof Durability)[keyof typeof Durability];

export type DurabilityName = 'memory' | 'os' | 'disk';

const NAMES: Record<Durability, DurabilityName> = { 1: 'memory', 2: 'os', 3: 'disk' };
const LEVELS: Record<DurabilityName, Durability> = { memory: 1, os: 2, disk: 3 };

export function durabilityName(level: Durability): DurabilityName {
  return NAMES[level];
}

export function durabilityLevel(name: DurabilityName): Durability {
  return LEVELS[name];
}
