/**
 * The apps (tenants) of a configuration file:
 *
 *   [[apps]]
 *   id = "shop"
 *   keys = [{ kid = "2026", algorithm = "HS256", secret = "…" }]
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { isIdentifier } from '../model/ids.ts';
import { type ConfigProblem, shownValue } from './config-error.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Option } from './option.ts';
import { readTyped } from './option-values.ts';
import { OPTIONS } from './options.ts';

/** A key that an app's login tokens are checked with. */
export type AppKey =
  | { readonly kid?: string; readonly algorithm: 'HS256'; readonly secret: string }
  | {
      readonly kid?: string;
      readonly algorithm: 'EdDSA';
      readonly publicKey: string | Readonly<Record<string, unknown>>;
    };

export interface AppConfig {
  readonly id: string;
  readonly keys: readonly AppKey[];
  /** Which sessions of a user may exist beside each other. */
  readonly sessionPolicy: 'one-per-type' | 'one-per-user' | 'many';
  /** Where a device that was never seen before starts reading. */
  readonly newDeviceStart: 'floor' | 'head';
  readonly retentionAgeMs: number;
  readonly retentionCount: number;
}

/** The key of the development app: known to everybody, so it never exists beside a configured app. */
export const DEVELOPMENT_APP_ID = 'demo';
export const DEVELOPMENT_SECRET = 'sluice-development-secret-known-to-everybody';

const SECRET_BYTES_MIN = 32;
const KID_LENGTH_MAX = 64;

/** The optional settings of an app, as rows of the same kind as the option table. */
export const APP_OPTIONS: Readonly<
  Record<'sessionPolicy' | 'newDeviceStart' | 'retentionAgeMs' | 'retentionCount', Option>
> = {
  sessionPolicy: {
    kind: 'choice',
    default: 'one-per-type',
    choices: ['one-per-type', 'one-per-user', 'many'],
    description: 'Which sessions of a user may exist beside each other.',
  },
  newDeviceStart: {
    kind: 'choice',
    default: 'floor',
    choices: ['floor', 'head'],
    description: 'Where a new device starts: at the oldest message that is kept, or after the newest.',
  },
  retentionAgeMs: OPTIONS['store.retentionAgeMs'],
  retentionCount: OPTIONS['store.retentionCount'],
};

const APP_KEYS = ['id', 'keys', ...Object.keys(APP_OPTIONS)];

/** What an app without settings of its own gets. */
export interface AppDefaults {
  readonly retentionAgeMs: number;
  readonly retentionCount: number;
}

export function developmentApp(defaults: AppDefaults): AppConfig {
  return {
    id: DEVELOPMENT_APP_ID,
    keys: [{ algorithm: 'HS256', secret: DEVELOPMENT_SECRET }],
    sessionPolicy: 'one-per-type',
    newDeviceStart: 'floor',
    ...defaults,
  };
}

/** Reads `[[apps]]`; what is wrong goes into `problems`. */
export function readApps(
  given: unknown,
  defaults: AppDefaults,
  source: string,
  problems: ConfigProblem[],
): AppConfig[] {
  if (given === undefined) return [];
  if (!Array.isArray(given) || given.length === 0) {
    problems.push({ key: 'apps', value: shownValue(given), allowed: 'one [[apps]] table or more', source });
    return [];
  }
  const apps = given.map((app, index) => new AppReader(`apps[${index}]`, source, problems).read(app, defaults));
  const ids = new Set<string>();
  for (const [index, app] of apps.entries()) {
    if (ids.has(app.id)) {
      problems.push({ key: `apps[${index}].id`, value: shownValue(app.id), allowed: 'an id of its own', source });
    }
    ids.add(app.id);
  }
  return apps;
}

class AppReader {
  readonly #path: string;
  readonly #source: string;
  readonly #problems: ConfigProblem[];

  constructor(path: string, source: string, problems: ConfigProblem[]) {
    this.#path = path;
    this.#source = source;
    this.#problems = problems;
  }

  read(given: unknown, defaults: AppDefaults): AppConfig {
    const table = this.#table('', given, APP_KEYS);
    const id = table['id'];
    if (typeof id !== 'string' || !isIdentifier(id)) {
      this.#refuse('.id', id, '1 to 64 characters of A-Z a-z 0-9 . _ : @ -');
    }
    const development = developmentApp(defaults);
    return {
      id: String(id),
      keys: this.#readKeys(table['keys']),
      sessionPolicy: this.#setting(table, 'sessionPolicy', development.sessionPolicy),
      newDeviceStart: this.#setting(table, 'newDeviceStart', development.newDeviceStart),
      retentionAgeMs: this.#setting(table, 'retentionAgeMs', defaults.retentionAgeMs),
      retentionCount: this.#setting(table, 'retentionCount', defaults.retentionCount),
    };
  }

  #setting<T>(table: Record<string, unknown>, name: keyof typeof APP_OPTIONS, fallback: T): T {
    if (table[name] === undefined) return fallback;
    const result = readTyped(APP_OPTIONS[name], table[name]);
    if ('value' in result) return result.value as T;
    this.#refuse(`.${name}`, table[name], result.allowed);
    return fallback;
  }

  #readKeys(given: unknown): AppKey[] {
    if (!Array.isArray(given) || given.length === 0) {
      this.#refuse('.keys', given, 'a list of one key or more: an app without a key cannot be logged in to');
      return [];
    }
    const kids = new Set<unknown>();
    return given.map((key, index) => {
      const read = this.#readKey(`.keys[${index}]`, key);
      if (kids.has(read.kid)) this.#refuse(`.keys[${index}].kid`, read.kid, 'a kid of its own for every key');
      kids.add(read.kid);
      return read;
    });
  }

  #readKey(path: string, given: unknown): AppKey {
    const algorithm = (given as Record<string, unknown> | null)?.['algorithm'];
    const material = algorithm === 'EdDSA' ? 'publicKey' : 'secret';
    const table = this.#table(path, given, ['kid', 'algorithm', material]);
    if (algorithm !== 'HS256' && algorithm !== 'EdDSA') {
      this.#refuse(`${path}.algorithm`, algorithm, 'one of HS256, EdDSA');
    }
    const { kid } = table;
    if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > KID_LENGTH_MAX)) {
      this.#refuse(`${path}.kid`, kid, `1 to ${KID_LENGTH_MAX} characters`);
    }
    const named = kid === undefined ? {} : { kid: String(kid) };
    if (algorithm === 'EdDSA') return { ...named, algorithm, publicKey: this.#publicKey(path, table['publicKey']) };
    return { ...named, algorithm: 'HS256', secret: this.#secret(path, table['secret']) };
  }

  #secret(path: string, given: unknown): string {
    if (
      typeof given === 'string' &&
      Buffer.byteLength(given.trim()) >= SECRET_BYTES_MIN &&
      given !== DEVELOPMENT_SECRET
    ) {
      return given;
    }
    this.#refuse(`${path}.secret`, undefined, `at least ${SECRET_BYTES_MIN} bytes that nobody else knows`);
    return '';
  }

  #publicKey(path: string, given: unknown): string | Readonly<Record<string, unknown>> {
    if (isEd25519PublicKey(given)) return given;
    this.#refuse(`${path}.publicKey`, undefined, 'an Ed25519 public key, as PEM text or as a JWK table without "d"');
    return '';
  }

  #table(path: string, given: unknown, known: readonly string[]): Record<string, unknown> {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      this.#refuse(path, given, 'a table');
      return {};
    }
    for (const name of Object.keys(given)) {
      if (!known.includes(name)) this.#refuse(`${path}.${name}`, undefined, `unknown key${didYouMean(name, known)}`);
    }
    return given as Record<string, unknown>;
  }

  #refuse(path: string, given: unknown, allowed: string): void {
    const value = given === undefined ? undefined : shownValue(given);
    this.#problems.push({ key: `${this.#path}${path}`, value, allowed, source: this.#source });
  }
}

function isEd25519PublicKey(given: unknown): given is string | Readonly<Record<string, unknown>> {
  try {
    if (typeof given === 'string') {
      return !given.includes('PRIVATE') && createPublicKey(given).asymmetricKeyType === 'ed25519';
    }
    if (typeof given !== 'object' || given === null || 'd' in given) return false;
    return createPublicKey({ key: given as JsonWebKey, format: 'jwk' }).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}
