/** Things that have one owner: what everybody else takes as an argument. */
import { withoutComments, withoutProse } from './mask.ts';
import { type Finding, findAll, isCode, type Rule, type SourceFile } from './rule.ts';

interface Owned {
  readonly what: string;
  /** Identifiers, looked for in code only. */
  readonly identifiers?: RegExp;
  /** Modules that may not be imported. */
  readonly modules?: RegExp;
  /** Path prefixes or patterns of those that may. */
  readonly owners: RegExp;
  /** Where the rule holds; everywhere when left out. */
  readonly scope?: RegExp;
}

const PRODUCT = /^(src|tools|bench)\//;

const OWNED: readonly Owned[] = [
  {
    what: 'time belongs to src/clock/clock.ts: take a Clock',
    identifiers:
      /(?<![.\w$#])(?:Date\.now|performance\.now|setTimeout|setInterval|setImmediate|new Date\(\))(?![\w$])/g,
    modules: /^(?:node:)?(?:timers|timers\/promises|perf_hooks)$/,
    owners: /^src\/clock\/clock\.ts$|\.mjs$/,
  },
  {
    what: 'randomness belongs to src/clock/random.ts: take a Random',
    identifiers: /(?<![\w$#])(?:Math\.random|randomBytes|randomUUID|randomInt|getRandomValues)(?![\w$])/g,
    owners: /^src\/clock\/random\.ts$/,
  },
  {
    what: 'sockets belong to src/net: take a Transport',
    modules: /^(?:node:)?(?:net|tls|dgram)$/,
    owners: /^src\/net\/|^bench\/|^tools\/chaos\//,
    scope: PRODUCT,
  },
  {
    what: 'the environment belongs to src/config: read it with processEnvironment()',
    identifiers: /(?<![\w$#])process\.env(?![\w$])/g,
    owners: /^src\/config\/|\.mjs$/,
    scope: PRODUCT,
  },
  { what: 'metrics belong to src/metrics', modules: /^prom-client$/, owners: /^src\/metrics\//, scope: PRODUCT },
  { what: 'logging belongs to src/log', modules: /^pino$/, owners: /^src\/log\//, scope: PRODUCT },
  { what: 'TOML belongs to src/config', modules: /^smol-toml$/, owners: /^src\/config\//, scope: PRODUCT },
  {
    what: 'Redis belongs to its drivers',
    modules: /^ioredis$/,
    owners: /^src\/(?:store|bus|iplist|session)\/(?:redis\/|redis-)/,
    scope: PRODUCT,
  },
  {
    what: 'MessagePack belongs to src/protocol',
    modules: /^@msgpack\/msgpack$/,
    owners: /^src\/protocol\//,
    scope: PRODUCT,
  },
];

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g;

export interface Import {
  readonly specifier: string;
  readonly index: number;
}

export function importsOf(code: string): Import[] {
  return [...code.matchAll(IMPORT)].map((match) => ({ specifier: match[2] ?? '', index: match.index }));
}

export const ownersRule: Rule = (files) => files.filter(isCode).flatMap(checkFile);

function checkFile(file: SourceFile): Finding[] {
  const code = withoutProse(file.text);
  const readable = withoutComments(file.text);
  return OWNED.flatMap((owned) => {
    if (owned.owners.test(file.path) || owned.scope?.test(file.path) === false) return [];
    const problem = (match: string): string => `${match.trim()}: ${owned.what}`;
    const used = owned.identifiers === undefined ? [] : findAll(file, code, owned.identifiers, problem);
    const imported = importsOf(readable).filter((found) => owned.modules?.test(found.specifier) === true);
    const lines = imported.map(({ specifier, index }) => ({
      path: file.path,
      line: readable.slice(0, index).split('\n').length,
      problem: problem(specifier),
    }));
    return [...used, ...lines];
  });
}
