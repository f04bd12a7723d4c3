/**
 * The byte notation of the vectors: tokens of hex digits separated by single spaces; `ab*300` stands for the bytes `ab`
 * repeated 300 times. Short enough to read, and one line of code to parse in any language.
 */
const RUN_BYTES_MIN = 24;

export function parseHex(text: string): Buffer {
  const parts = text.split(' ').map((token) => {
    const [digits = '', times = '1'] = token.split('*');
    if (!/^([0-9a-f]{2})*$/.test(digits) || !/^\d+$/.test(times)) throw new Error(`not hex: ${token.slice(0, 80)}`);
    return Buffer.from(digits.repeat(Number(times)), 'hex');
  });
  return Buffer.concat(parts);
}

/** Bytes in the notation: runs of one byte are shortened. */
export function formatHex(bytes: Uint8Array): string {
  const tokens: string[] = [];
  let plain = '';
  for (let at = 0; at < bytes.length; ) {
    let end = at + 1;
    while (end < bytes.length && bytes[end] === bytes[at]) end++;
    const byte = (bytes[at] as number).toString(16).padStart(2, '0');
    if (end - at < RUN_BYTES_MIN) plain += byte.repeat(end - at);
    else {
      if (plain !== '') tokens.push(plain);
      plain = '';
      tokens.push(`${byte}*${end - at}`);
    }
    at = end;
  }
  if (plain !== '') tokens.push(plain);
  return tokens.join(' ');
}

/** A whole frame in the notation: length, command, requestId, body. */
export function formatFrame(frame: Uint8Array): string {
  const header = [frame.subarray(0, 3), frame.subarray(3, 4), frame.subarray(4, 8)];
  return [...header.map((part) => Buffer.from(part).toString('hex')), formatHex(frame.subarray(8))].join(' ').trim();
}
