/** What commands write, and how. */

/** Resolves when the system has the line: only then may anything that depends on it go on. */
export function writeLine(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error == null ? resolve() : reject(error)));
  });
}

export function writeProblem(text: string): void {
  process.stderr.write(`sluice: ${text.replace(/\s*\n\s*/g, ' ').trim()}\n`);
}

/** Text of strangers for a terminal: control characters (and with them escape sequences) become visible. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, '0');
    return `\\x${code}`;
  });
}

/** A payload as text, when it is valid UTF-8. */
export function textOf(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return undefined;
  }
}
