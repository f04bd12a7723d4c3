/** Hosts and addresses as text. No name is looked up. */

const HOST_NAME = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*$/;
const DIGITS_AND_DOTS = /^[\d.]+$/;
const HOST_LENGTH_MAX = 253;

/** An IPv4 or IPv6 address, or a name. */
export function isHost(text: string): boolean {
  if (text.length > HOST_LENGTH_MAX) return false;
  if (text.includes(':')) return isIpv6(text);
  return DIGITS_AND_DOTS.test(text) ? isIpv4(text) : HOST_NAME.test(text);
}

export function isLoopbackHost(text: string): boolean {
  if (text === 'localhost' || text === '::1') return true;
  return isIpv4(text) && text.startsWith('127.');
}

/** Where to dial, on the same machine, what listens on `host`. */
export function dialHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function isCidr(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0) return false;
  const bits = isIpv4(address) ? 32 : isIpv6(address) ? 128 : undefined;
  if (bits === undefined) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[0-9A-Fa-f:.]+$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}
