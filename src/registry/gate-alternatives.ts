/** Where the clients of a gate that drains can go. */
import type { GateEntry, Listed } from './registry.ts';

export const ALTERNATIVES_MAX = 5;

/**
 * Addresses of other gates, the emptiest first: those that serve every app that `leaving` serves, and stay. Workers that
 * share its address leave with it.
 */
export function alternativesTo(leaving: GateEntry, listed: readonly Listed<GateEntry>[]): string[] {
  const staying = listed
    .map(({ entry }) => entry)
    .filter((entry) => !entry.draining && entry.address !== leaving.address && serves(entry, leaving.apps))
    .sort((a, b) => load(a) - load(b));
  return [...new Set(staying.map(({ address }) => address))].slice(0, ALTERNATIVES_MAX);
}

/** A gate that names no app is for all. */
function serves(gate: GateEntry, apps: readonly string[]): boolean {
  return gate.apps.length === 0 || (apps.length > 0 && apps.every((app) => gate.apps.includes(app)));
}

function load({ connections, connectionsMax }: GateEntry): number {
  return connections / Math.max(1, connectionsMax);
}
