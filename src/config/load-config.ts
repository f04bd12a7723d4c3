/**
 * Builds the configuration: defaults, then the file, then the environment, then flags; each overrules the one before.
 *
 * Nothing is guessed and nothing fails open: unknown keys, values out of bounds and combinations that would expose the
 * system are collected and refused together.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { type AppConfig, developmentApp, readApps } from './apps.ts';
import type { Config } from './config.ts';
import { ConfigError, type ConfigProblem, shownValue } from './config-error.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Environment } from './environment.ts';
import { isLoopbackHost } from './hosts.ts';
import { defaultList, type ReadResult, readText, readTyped, shownOption, type Value } from './option-values.ts';
import { environmentName, isOptionKey, nameOf, OPTION_KEYS, type OptionKey, optionOf, sectionOf } from './options.ts';
import { leavesMachine, readTrunkSecret, type TrunkProblem, trunkProblems } from './trunk-security.ts';

export interface ConfigSources {
  /** A configuration file that must exist. Otherwise `SLUICE_CONFIG`, otherwise `sluice.toml` when there is one. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** `{'gate.port': '7401'}`: what the command line says, by key. */
  readonly flags?: Readonly<Record<string, string>>;
  /** For commands that check no credentials: a file without apps will do, and gates may listen anywhere. */
  readonly appsOptional?: boolean;
  /** Where `sluice.toml` is looked for; the current directory. */
  readonly directory?: string;
}

const FILE_DEFAULT = 'sluice.toml';
const FILE_VARIABLE = 'SLUICE_CONFIG';
const PREFIX = 'SLUICE_';

interface Given {
  readonly value: Value;
  readonly source: string;
}

/** @throws ConfigError that lists everything that is wrong. */
export function loadConfig(sources: ConfigSources): Config {
  return new ConfigLoader().load(sources);
}

class ConfigLoader {
  readonly #given = new Map<OptionKey, Given>();
  readonly #problems: ConfigProblem[] = [];

  load(sources: ConfigSources): Config {
    const file = this.#findFile(sources);
    const table = file === undefined ? {} : this.#parseFile(file);
    this.#takeFile(table, file ?? '');
    this.#takeEnvironment(sources.env);
    this.#takeFlags(sources.flags ?? {});
    this.#stopOnProblems();

    const profile = this.#profile();
    const values = new Map<OptionKey, Value>(OPTION_KEYS.map((key) => [key, this.#valueOf(key, profile)]));
    const { appsOptional = false } = sources;
    const apps = table['apps'] === undefined && appsOptional ? undefined : this.#apps(table['apps'], values, file);
    this.#checkTrunk(values);
    this.#checkCombinations(values, apps === undefined && !appsOptional);
    this.#stopOnProblems();
    return assemble(values, profile, apps, file);
  }

  #findFile(sources: ConfigSources): string | undefined {
    const named = sources.file ?? sources.env[FILE_VARIABLE];
    if (named !== undefined) return named;
    const usual = join(sources.directory ?? '.', FILE_DEFAULT);
    return existsSync(usual) ? usual : undefined;
  }

  #parseFile(file: string): Record<string, unknown> {
    try {
      return parse(readFileSync(file, 'utf8'));
    } catch (error) {
      const reason = error instanceof TomlError ? `is not valid TOML: ${error.message.trimEnd()}` : 'cannot be read';
      throw new ConfigError([{ key: file, value: undefined, allowed: reason, source: 'configuration file' }]);
    }
  }

  #takeFile(table: Record<string, unknown>, file: string): void {
    for (const [name, content] of Object.entries(table)) {
      if (name === 'apps') continue;
      if (typeof content !== 'object' || content === null || Array.isArray(content)) {
        this.#takeTyped(name, content, file);
        continue;
      }
      for (const [inner, value] of Object.entries(content)) this.#takeTyped(`${name}.${inner}`, value, file);
    }
  }

  #takeTyped(key: string, given: unknown, source: string): void {
    if (isOptionKey(key)) this.#take(key, given, readTyped(optionOf(key), given), source);
    else this.#refuseUnknown(key, source, [...OPTION_KEYS, 'apps']);
  }

  #takeEnvironment(env: Environment): void {
    const keys = new Map(OPTION_KEYS.map((key) => [environmentName(key), key]));
    for (const [name, given] of Object.entries(env)) {
      if (!name.startsWith(PREFIX) || name === FILE_VARIABLE || given === undefined) continue;
      const key = keys.get(name);
      if (key === undefined) this.#refuseUnknown(name, 'environment', [...keys.keys(), FILE_VARIABLE]);
      else this.#take(key, given, readText(optionOf(key), given), `environment ${name}`);
    }
  }

  #takeFlags(flags: Readonly<Record<string, string>>): void {
    for (const [key, given] of Object.entries(flags)) {
      if (isOptionKey(key)) this.#take(key, given, readText(optionOf(key), given), `flag --${key}`);
      else this.#refuseUnknown(key, 'flag', OPTION_KEYS);
    }
  }

  #take(key: OptionKey, given: unknown, result: ReadResult, source: string): void {
    if ('value' in result) this.#given.set(key, { value: result.value, source });
    else this.#refuse({ key, value: shownOption(optionOf(key), given), allowed: result.allowed, source });
  }

  #refuseUnknown(key: string, source: string, known: readonly string[]): void {
    this.#refuse({ key, value: undefined, allowed: `unknown key${didYouMean(key, known)}`, source });
  }

  #refuse(problem: ConfigProblem): void {
    this.#problems.push(problem);
  }

  #stopOnProblems(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  #profile(): 'internet' | 'trusted' {
    const asked = this.#given.get('profile')?.value ?? 'auto';
    if (asked === 'internet' || asked === 'trusted') return asked;
    return isLoopbackHost(String(this.#valueOf('gate.host', 'internet'))) ? 'trusted' : 'internet';
  }

  #valueOf(key: OptionKey, profile: 'internet' | 'trusted'): Value {
    const given = this.#given.get(key);
    if (given !== undefined) return given.value;
    const option = optionOf(key);
    return (
      defaultList(option) ?? (profile === 'trusted' && option.trusted !== undefined ? option.trusted : option.default)
    );
  }

  /** Undefined: nothing is configured, the development app applies. */
  #apps(given: unknown, values: ReadonlyMap<OptionKey, Value>, file: string | undefined): AppConfig[] | undefined {
    if (file === undefined) return undefined;
    if (given === undefined) {
      const allowed = 'a configuration file needs at least one [[apps]] table with id and keys';
      this.#refuse({ key: 'apps', value: undefined, allowed, source: file });
      return [];
    }
    const defaults = retentionDefaults(values);
    return readApps(given, defaults, file, this.#problems);
  }

  #checkCombinations(values: ReadonlyMap<OptionKey, Value>, developmentMode: boolean): void {
    const atMost = (small: OptionKey, large: OptionKey): void => {
      if (Number(values.get(small)) > Number(values.get(large))) {
        this.#refuseGiven(small, values, `no more than ${large} (${values.get(large)})`);
      }
    };
    atMost('gate.preLoginBodyBytesMax', 'gate.bodyBytesMax');
    atMost('gate.outboxSoftBytes', 'gate.outboxHardBytes');
    atMost('gate.bodyBytesMax', 'gate.windowBytes');
    atMost('gate.bodyBytesMax', 'gate.partialFrameBytesMax');
    atMost('gate.bodyBytesMax', 'gate.outboxHardBytes');
    atMost('iplist.backoffBaseMs', 'iplist.backoffMaxMs');
    atMost('redis.commandTimeoutMs', 'redis.leaseMs');
    for (const section of ['api', 'admin'] as const) {
      const host = `${section}.host` as const;
      if (!isLoopbackHost(String(values.get(host))) && values.get(`${section}.key`) === '') {
        this.#refuseGiven(host, values, `a loopback address, or set ${section}.key as well`);
      }
    }
    if (!developmentMode) return;
    const allowed = 'a loopback address while no app is configured: the development key is known to everybody';
    if (!isLoopbackHost(String(values.get('gate.host')))) this.#refuseGiven('gate.host', values, allowed);
    if (leavesMachine(values.get('trunk.listen'))) this.#refuseGiven('trunk.listen', values, allowed);
  }

  /** Also takes the secret from its file. */
  #checkTrunk(values: Map<OptionKey, Value>): void {
    const problems: TrunkProblem[] = [];
    const secret = readTrunkSecret(values, problems);
    values.set('trunk.secret', secret);
    for (const [key, allowed] of [...problems, ...trunkProblems(values, secret)])
      this.#refuseGiven(key, values, allowed);
  }

  #refuseGiven(key: OptionKey, values: ReadonlyMap<OptionKey, Value>, allowed: string): void {
    const source = this.#given.get(key)?.source ?? 'default';
    this.#refuse({ key, value: shownValue(values.get(key)), allowed, source });
  }
}

function retentionDefaults(values: ReadonlyMap<OptionKey, Value>): { retentionAgeMs: number; retentionCount: number } {
  return {
    retentionAgeMs: Number(values.get('store.retentionAgeMs')),
    retentionCount: Number(values.get('store.retentionCount')),
  };
}

function assemble(
  values: ReadonlyMap<OptionKey, Value>,
  profile: 'internet' | 'trusted',
  apps: readonly AppConfig[] | undefined,
  file: string | undefined,
): Config {
  const sections: Record<string, Record<string, Value>> = {};
  for (const [key, value] of values) {
    const section = sectionOf(key);
    if (section === '') continue;
    sections[section] ??= {};
    sections[section][nameOf(key)] = value;
  }
  const config = {
    ...sections,
    profile,
    apps: apps ?? [developmentApp(retentionDefaults(values))],
    developmentMode: apps === undefined,
    file,
  };
  // Every key of the table has a value by now, so the sections are complete.
  return deepFreeze(config) as unknown as Config;
}

function deepFreeze(value: object): object {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
