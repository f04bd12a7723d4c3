/** One log line for people, from one JSON line: `12:00:00.123 WARN  gate 1: slow consumer closed  slot=7`. */
const COLOURS: Record<string, string> = { debug: '\u001b[2m', warn: '\u001b[33m', error: '\u001b[31m' };
const PLAIN = '\u001b[0m';

export function prettyLine(jsonLine: string, colours: boolean): string {
  const { time, level, role, index, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const who = role === undefined ? '' : `${role}${index === undefined ? '' : ` ${index}`}: `;
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${field(value)}`);
  const name = String(level);
  const start = (colours && COLOURS[name]) || '';
  const text = `${clock} ${name.toUpperCase().padEnd(5)} ${who}${msg}${shown.length > 0 ? `  ${shown.join(' ')}` : ''}`;
  return `${start}${text}${start === '' ? '' : PLAIN}\n`;
}

function field(value: unknown): string {
  return typeof value === 'string' && /^[^\s="]+$/.test(value) ? value : JSON.stringify(value);
}
