/**
 * The one table of options. Types, defaults, bounds, the reading of files, environment and flags, `--print-config` and
 * `docs/configuration.md` all come from it. A key reads the same everywhere: `gate.port` is `port` under `[gate]` in the
 * file, `SLUICE_GATE_PORT` in the environment and `--gate.port` as a flag.
 */
import type { Option } from './option.ts';
import { ADMIN_OPTIONS } from './options-admin.ts';
import { BUS_OPTIONS } from './options-bus.ts';
import { CORE_OPTIONS } from './options-core.ts';
import { GATE_OPTIONS } from './options-gate.ts';
import { LIMIT_OPTIONS } from './options-limits.ts';
import { REDIS_OPTIONS } from './options-redis.ts';
import { REGISTRY_OPTIONS } from './options-registry.ts';
import { TRUNK_OPTIONS } from './options-trunk.ts';

export type OptionTable = typeof ADMIN_OPTIONS &
  typeof BUS_OPTIONS &
  typeof CORE_OPTIONS &
  typeof GATE_OPTIONS &
  typeof LIMIT_OPTIONS &
  typeof REDIS_OPTIONS &
  typeof REGISTRY_OPTIONS &
  typeof TRUNK_OPTIONS;
export type OptionKey = keyof OptionTable;

export const OPTIONS: OptionTable = {
  ...ADMIN_OPTIONS,
  ...BUS_OPTIONS,
  ...CORE_OPTIONS,
  ...GATE_OPTIONS,
  ...LIMIT_OPTIONS,
  ...REDIS_OPTIONS,
  ...REGISTRY_OPTIONS,
  ...TRUNK_OPTIONS,
};

/** The order of sections in printed configurations and documents. */
const SECTIONS: readonly string[] = [
  '',
  'data',
  'log',
  'supervisor',
  'gate',
  'limits',
  'trunk',
  'logic',
  'store',
  'redis',
  'registry',
  'bus',
  'api',
  'iplist',
  'admin',
];

/** All keys, sections together. */
export const OPTION_KEYS: readonly OptionKey[] = (Object.keys(OPTIONS) as OptionKey[]).sort(bySection);

export function optionOf(key: OptionKey): Option {
  return OPTIONS[key];
}

export function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(OPTIONS, key);
}

/** `gate` of `gate.port`; '' for a key outside any section. */
export function sectionOf(key: string): string {
  const dot = key.indexOf('.');
  return dot < 0 ? '' : key.slice(0, dot);
}

/** `port` of `gate.port`. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}

/** `SLUICE_GATE_LOGIN_TIMEOUT_MS` of `gate.loginTimeoutMs`. */
export function environmentName(key: string): string {
  return `SLUICE_${key
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

function bySection(a: string, b: string): number {
  return SECTIONS.indexOf(sectionOf(a)) - SECTIONS.indexOf(sectionOf(b));
}
