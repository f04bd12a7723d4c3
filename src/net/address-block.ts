/**
 * Addresses as numbers: the block that shares one account (an IPv4 address, an IPv6 /64), and blocks in CIDR notation.
 */
const IPV6_PARTS = 8;
/** ::ffff:a.b.c.d, as a dual-stack socket reports an IPv4 peer. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const ACCOUNT_PARTS = 4;

/** Names whom an address is counted with: the IPv4 address itself, or the first 64 bits of an IPv6 one. */
export function accountOf(address: string): string {
  const ipv4 = MAPPED.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  if (!address.includes(':')) return address;
  return ipv6Parts(address)
    .slice(0, ACCOUNT_PARTS)
    .map((part) => part.toString(16))
    .join(':');
}

/** A block such as 10.0.0.0/8 or 2001:db8::/32; without a length, one address. */
export class AddressBlock {
  readonly #parts: readonly number[];
  readonly #bits: number;

  /** @param cidr checked by the configuration */
  constructor(cidr: string) {
    const [address = '', length] = cidr.split('/');
    this.#parts = partsOf(address);
    this.#bits = length === undefined ? 16 * this.#parts.length : Number(length);
  }

  has(address: string): boolean {
    const parts = partsOf(MAPPED.exec(address)?.[1] ?? address);
    if (parts.length !== this.#parts.length) return false;
    for (let part = 0, bits = this.#bits; bits > 0; part += 1, bits -= 16) {
      const shift = Math.max(0, 16 - bits);
      if ((parts[part] as number) >>> shift !== (this.#parts[part] as number) >>> shift) return false;
    }
    return true;
  }
}

/** Two 16-bit parts for IPv4, eight for IPv6, none for anything else. */
function partsOf(address: string): number[] {
  if (address.includes(':')) return ipv6Parts(address);
  const bytes = address.split('.').map(Number);
  return bytes.length === 4 ? ipv4Parts(bytes) : [];
}

function ipv4Parts(bytes: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return [(a << 8) | b, (c << 8) | d];
}

function ipv6Parts(address: string): number[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = sideParts(head);
  const after = tail === undefined ? [] : sideParts(tail);
  const zeros = Math.max(0, IPV6_PARTS - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after];
}

function sideParts(side: string): number[] {
  if (side === '') return [];
  return side
    .split(':')
    .flatMap((part) => (part.includes('.') ? ipv4Parts(part.split('.').map(Number)) : [Number.parseInt(part, 16)]));
}
