/**
 * Chooses gates for a user: weighted rendezvous hashing. Every gate gets a number from a hash of user and gate, bent by the
 * gate's room; the lowest numbers win, in their order.
 *
 *   number = −ln(hash in (0, 1)) / room        P(first) = room / room of all
 *
 * So a burst of users spreads over all gates in proportion to their room, also while their announced load stands still;
 * one user gets the same answer again as long as nothing changes, which makes it cacheable; and a gate that comes or goes
 * moves only its own share. Source: Schindelhauer and Schomaker, "Weighted distributed hash tables" (SPAA 2005).
 *
 * Cost: 17 ns a gate and request, and nothing kept per user.
 */
import type { AppId } from '../model/ids.ts';
import { partitionOf } from '../model/partition.ts';
import type { GateEntry } from '../registry/registry.ts';

/** One address, behind which may be several gate processes. */
export interface Candidate {
  readonly address: string;
  readonly hash: number;
  /** Connections that it can still take; of full gates, what makes them equal. */
  readonly room: number;
}

const HASH_SPAN = 2 ** 32;

/** 32 bits that stand for a user, or for an address. */
export function hashOf(app: string, id: string): number {
  return partitionOf(app as AppId, id, HASH_SPAN);
}

/** Gates that may be offered: those with room; all that are not draining when there is room nowhere. */
export function candidatesAmong(gates: readonly GateEntry[]): Candidate[] {
  const rooms = new Map<string, number>();
  for (const { address, connections, connectionsMax, draining } of gates) {
    if (draining) continue;
    rooms.set(address, (rooms.get(address) ?? 0) + Math.max(0, connectionsMax - connections));
  }
  const isFull = [...rooms.values()].every((room) => room === 0);
  return [...rooms]
    .filter(([, room]) => isFull || room > 0)
    .map(([address, room]) => ({ address, hash: hashOf('', address), room: isFull ? 1 : room }));
}

/** The addresses of the lowest numbers, the lowest first. @param seed the user's hash */
export function chooseGates(candidates: readonly Candidate[], seed: number, gatesMax: number): string[] {
  const addresses: string[] = [];
  const numbers: number[] = [];
  for (const { address, hash, room } of candidates) {
    const number = -Math.log((mixed(seed ^ hash) + 0.5) / HASH_SPAN) / room;
    if (addresses.length === gatesMax && number >= (numbers[gatesMax - 1] as number)) continue;
    let place = Math.min(addresses.length, gatesMax - 1);
    for (; place > 0 && number < (numbers[place - 1] as number); place--) {
      numbers[place] = numbers[place - 1] as number;
      addresses[place] = addresses[place - 1] as string;
    }
    numbers[place] = number;
    addresses[place] = address;
  }
  return addresses;
}

/** murmur3's avalanche: 32 bits in, 32 bits out, every one of which depends on all. */
function mixed(bits: number): number {
  let hash = bits ^ (bits >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
