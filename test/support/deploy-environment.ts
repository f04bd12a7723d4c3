/** The variables of a role as `deploy/` sets them, for this machine: its secret files lie in a folder of the test. */
import { basename, join } from 'node:path';

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
