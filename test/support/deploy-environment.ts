/** The variables of a role as `deploy/` sets them, for this machine: its secret files lie in a folder of the test. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { repositoryPath } from '../../tools/generated-file.ts';
import { parseYaml } from './yaml.ts';

export const SECRET_FILES: readonly string[] = ['sluice.toml', 'trunk-secret'];

const SECRET_PATHS = /^\/(?:run\/secrets|etc\/sluice)\//;
/** `${NAME:-value}`: the value, as when nobody sets the name. */
const DEFAULTED = /\$\{\w+:-([^}]*)\}/g;

/** The lines `NAME=value` of a file of variables. */
export function envFile(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** @param secrets the folder that `make-secrets.sh` has made */
export function roleEnvironment(env: Readonly<Record<string, string>>, secrets: string): Record<string, string> {
  const entries = Object.entries(env).map(([name, value]) => {
    const plain = value.replace(DEFAULTED, '$1');
    return [name, SECRET_PATHS.test(plain) ? join(secrets, basename(plain)) : plain];
  });
  return Object.fromEntries(entries);
}

export interface ComposeService {
  /** Empty: what the image runs by itself. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

interface RawService {
  readonly command?: readonly string[];
  readonly env_file?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
}

/** The services of deploy/compose.yaml. @param folder where `secrets/` is, as beside the file */
export function composeServices(folder: string): Map<string, ComposeService> {
  const [file] = parseYaml(readFileSync(repositoryPath('deploy/compose.yaml'), 'utf8'));
  const { services } = file as unknown as { services: Readonly<Record<string, RawService>> };
  const read = (name: string): string =>
    readFileSync(name.startsWith('secrets/') ? join(folder, name) : repositoryPath(`deploy/${name}`), 'utf8');
  const entries = Object.entries(services).map(([name, service]): [string, ComposeService] => {
    const own = Object.entries(service.environment ?? {}).map(([key, value]) => [key, String(value)]);
    const env = Object.assign(
      {},
      ...(service.env_file ?? []).map((each) => envFile(read(each))),
      Object.fromEntries(own),
    );
    return [name, { command: (service.command ?? []).join(' '), env }];
  });
  return new Map(entries);
}
