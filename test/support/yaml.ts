/**
 * Reads the part of YAML that the files of `deploy/` keep to: maps and lists by indentation or in braces, plain and quoted
 * scalars, comments, several documents. Anchors, tags and block scalars are refused, so that nothing is misread.
 */
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** All documents of a file. @throws on anything that it does not know */
export function parseYaml(text: string): Yaml[] {
  return text.split(/^---\s*$/m).flatMap((document) => {
    const lines = document.split('\n').flatMap(lineOf);
    return lines.length === 0 ? [] : [new BlockReader(lines).read()];
  });
}

function lineOf(raw: string): Line[] {
  const text = withoutComment(raw).trimEnd();
  if (text.trim() === '') return [];
  if (text.includes('\t')) throw new Error(`a tab: ${raw}`);
  return [{ indent: text.length - text.trimStart().length, text: text.trimStart() }];
}

/** A `#` begins a comment after white space, outside of quotes. */
function withoutComment(text: string): string {
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (quote !== '') {
      if (character === quote && text[at - 1] !== '\\') quote = '';
    } else if ((character === '"' || character === "'") && /[\s[{,:]|^$/.test(text[at - 1] ?? '')) quote = character;
    else if (character === '#' && /\s|^$/.test(text[at - 1] ?? '')) return text.slice(0, at);
  }
  return text;
}

class BlockReader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  read(): Yaml {
    const value = this.#block(this.#lines[0]?.indent ?? 0);
    const left = this.#lines[this.#at];
    if (left !== undefined) throw new Error(`does not belong there: ${left.text}`);
    return value;
  }

  #block(indent: number): Yaml {
    const { text } = this.#lines[this.#at] as Line;
    if (/^- |^-$/.test(text)) return this.#list(indent);
    return KEY.test(text) ? this.#map(indent) : flow(this.#take().text);
  }

  #list(indent: number): Yaml[] {
    const items: Yaml[] = [];
    while (this.#isAt(indent) && /^- |^-$/.test((this.#lines[this.#at] as Line).text)) {
      const { text } = this.#lines[this.#at] as Line;
      const inner = text.slice(1).trimStart();
      const innerIndent = indent + text.length - inner.length;
      if (KEY.test(inner)) {
        // The item's map begins on the line of its dash.
        this.#lines[this.#at] = { indent: innerIndent, text: inner };
        items.push(this.#map(innerIndent));
      } else {
        this.#take();
        items.push(flow(inner));
      }
    }
    return items;
  }

  #map(indent: number): Yaml {
    const map: { [key: string]: Yaml } = {};
    while (this.#isAt(indent)) {
      const [, quoted, plain, rest = ''] = KEY.exec(this.#take().text) ?? [];
      const key = quoted ?? plain ?? '';
      if (Object.hasOwn(map, key)) throw new Error(`twice: ${key}`);
      const next = this.#lines[this.#at];
      const deeper =
        next !== undefined && (next.indent > indent || (next.indent === indent && next.text.startsWith('- ')));
      if (rest !== '') map[key] = flow(rest);
      else map[key] = deeper ? this.#block(next.indent) : null;
    }
    return map;
  }

  #isAt(indent: number): boolean {
    return this.#lines[this.#at]?.indent === indent;
  }

  #take(): Line {
    return this.#lines[this.#at++] as Line;
  }
}

const KEY = /^(?:"([^"]+)"|([\w./-]+)):(?: +(.*))?$/;

function flow(text: string): Yaml {
  const reader = new FlowReader(text);
  const value = reader.value('');
  if (!reader.atEnd) throw new Error(`not understood: ${text}`);
  return value;
}

class FlowReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#text.slice(this.#at).trim() === '';
  }

  /** @param ends characters that end a plain scalar here */
  value(ends: string): Yaml {
    this.#skip();
    const first = this.#text[this.#at] ?? '';
    if (/[&*!|>%@`]/.test(first)) throw new Error(`not known here: ${this.#text}`);
    if (first === '[') return this.#sequence();
    if (first === '{') return this.#mapping();
    if (first === '"' || first === "'") return this.#quoted(first);
    return scalar(this.#plain(ends));
  }

  #sequence(): Yaml[] {
    const items: Yaml[] = [];
    this.#at++;
    while (!this.#closes(']')) items.push(this.value(',]'));
    return items;
  }

  #mapping(): Yaml {
    const map: { [key: string]: Yaml } = {};
    this.#at++;
    while (!this.#closes('}')) {
      this.#skip();
      const key = this.#plain(':');
      this.#at++;
      map[key] = this.value(',}');
    }
    return map;
  }

  /** True at the end; otherwise what stands between two members is passed over. */
  #closes(end: string): boolean {
    this.#skip();
    if (this.#text[this.#at] === ',') this.#at++;
    this.#skip();
    if (this.#at >= this.#text.length) throw new Error(`not closed: ${this.#text}`);
    if (this.#text[this.#at] !== end) return false;
    this.#at++;
    return true;
  }

  #quoted(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at + 1);
    const inner = this.#text.slice(this.#at + 1, end);
    if (end < 0 || inner.includes('\\')) throw new Error(`not known here: ${this.#text}`);
    this.#at = end + 1;
    return inner;
  }

  #plain(ends: string): string {
    const start = this.#at;
    while (this.#at < this.#text.length && !ends.includes(this.#text[this.#at] as string)) this.#at++;
    return this.#text.slice(start, this.#at).trim();
  }

  #skip(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }
}

function scalar(text: string): Yaml {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === '' || text === 'null' || text === '~') return null;
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
