/** The counts that are not 0, by the name of their code; codes without a name are counted as "other". */
export function countsByName(counts: Float64Array, names: Readonly<Record<number, string>>): Map<string, number> {
  const named = new Map<string, number>();
  for (let code = 0; code < counts.length; code++) {
    const count = counts[code] as number;
    if (count === 0) continue;
    const name = names[code] ?? 'other';
    named.set(name, (named.get(name) ?? 0) + count);
  }
  return named;
}
