/** `--print-config`: the configuration in force as a commented TOML file, secrets masked. */
import { APP_OPTIONS, type AppConfig, type AppKey } from './apps.ts';
import type { Config } from './config.ts';
import type { Option } from './option.ts';
import { allowedText, type Value } from './option-values.ts';
import { nameOf, OPTION_KEYS, type OptionKey, optionOf, sectionOf } from './options.ts';

const MASK = '********';

export function printConfig(config: Config): string {
  const lines: string[] = ['# The configuration in force. Secrets are masked.'];
  let section = '';
  for (const key of OPTION_KEYS) {
    if (sectionOf(key) !== section) {
      section = sectionOf(key);
      lines.push('', `[${section}]`);
    }
    lines.push('', ...comment(optionOf(key)), `${nameOf(key)} = ${literal(shown(key, valueIn(config, key)))}`);
  }
  for (const app of config.apps) lines.push('', ...printApp(app, config.developmentMode));
  return `${lines.join('\n')}\n`;
}

/** The value of `key` in a configuration. */
export function valueIn(config: Config, key: OptionKey): Value {
  const table = config as unknown as Record<string, unknown>;
  const section = sectionOf(key);
  return (section === '' ? table[key] : (table[section] as Record<string, unknown>)[nameOf(key)]) as Value;
}

/** How a default is written in documents; '' for "none". */
export function literal(value: Value | Readonly<Record<string, unknown>>): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => literal(item)).join(', ')}]`;
  if (typeof value !== 'object') return String(value);
  const pairs = Object.entries(value).map(([name, inner]) => `${name} = ${literal(inner as Value)}`);
  return `{ ${pairs.join(', ')} }`;
}

function shown(key: OptionKey, value: Value): Value {
  return optionOf(key).kind === 'secret' && value !== '' ? MASK : value;
}

function comment(option: Option): string[] {
  const trusted = option.trusted === undefined ? '' : `, in the trusted profile ${option.trusted}`;
  return [
    `# ${option.description}`,
    `# Allowed: ${allowedText(option)}. Default: ${literal(option.default)}${trusted}.`,
  ];
}

function printApp(app: AppConfig, developmentMode: boolean): string[] {
  const lines = ['[[apps]]', `id = ${literal(app.id)}`, `keys = [${app.keys.map(printKey).join(', ')}]`];
  if (developmentMode) lines.unshift('# The development app; it is gone as soon as a configuration file is given.');
  for (const name of Object.keys(APP_OPTIONS) as (keyof typeof APP_OPTIONS)[]) {
    lines.push(`${name} = ${literal(app[name])}`);
  }
  return lines;
}

function printKey(key: AppKey): string {
  return literal(key.algorithm === 'HS256' ? { ...key, secret: MASK } : { ...key });
}
