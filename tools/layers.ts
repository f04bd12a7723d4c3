/**
 * The layers of `src`: arrows point down only. The table stands in `layers.json`; `.dependency-cruiser.cjs` holds it on
 * the compiled modules, `tidy` on the sources, where type imports are still to be seen.
 *
 *   levels   from the bottom up; a folder may use its own level and everything below
 *   apart    folders that may not use each other although they stand on one level
 *   only     folders outside the levels, and all that they may use
 *   users    the only folders that may use such a folder
 */
import { readFileSync } from 'node:fs';

export interface Layers {
  readonly levels: readonly (readonly string[])[];
  readonly apart: readonly string[];
  readonly only: Readonly<Record<string, readonly string[]>>;
  readonly users: Readonly<Record<string, readonly string[]>>;
}

export function readLayers(): Layers {
  return JSON.parse(readFileSync('tools/layers.json', 'utf8')) as Layers;
}

/** Whether a file in `src/<from>` may import one in `src/<to>`. */
export function mayUse(layers: Layers, from: string, to: string): boolean {
  if (from === to) return true;
  const only = layers.only[from];
  if (only !== undefined) return only.includes(to);
  const users = layers.users[to];
  if (users !== undefined) return users.includes(from);
  if (layers.apart.includes(from) && layers.apart.includes(to)) return false;
  const fromLevel = levelOf(layers, from);
  const toLevel = levelOf(layers, to);
  return fromLevel >= 0 && toLevel >= 0 && toLevel <= fromLevel;
}

function levelOf(layers: Layers, folder: string): number {
  return layers.levels.findIndex((level) => level.includes(folder));
}
