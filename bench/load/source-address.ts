/**
 * Addresses of this machine to dial from: 127.0.0.0/8 has plenty. A source address has 28,000 ports by default, and the
 * system looks for a free one more and more slowly once half of them are taken: 15,000 dials a second become 1,000.
 */
const DIALS_PER_ADDRESS = 5000;
const FIRST_NETWORK = 1;

/** @param group a number for each process: no two share an address. */
export function sourceAddress(group: number, index: number): string {
  const third = Math.floor(index / DIALS_PER_ADDRESS) + 1;
  return `127.${FIRST_NETWORK + Math.floor(group / 250)}.${(group % 250) + 1}.${third}`;
}
