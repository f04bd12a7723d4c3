/** What the keys of the trunk must say together, so that no logic is open to a network by an oversight. */
import { readFileSync } from 'node:fs';
import { parseAddresses } from './addresses.ts';
import { isLoopbackHost } from './hosts.ts';
import type { Value } from './option-values.ts';
import type { OptionKey } from './options.ts';
import { TRUNK_OPTIONS } from './options-trunk.ts';

type Values = ReadonlyMap<OptionKey, Value>;
/** Key, and what is allowed. */
export type TrunkProblem = readonly [key: OptionKey, allowed: string];

const SECRET_BYTES_MIN = TRUNK_OPTIONS['trunk.secret'].min;

/** The secret in the file that `trunk.secretFile` names; what is wrong goes into `problems`. */
export function readTrunkSecret(values: Values, problems: TrunkProblem[]): string {
  const given = String(values.get('trunk.secret'));
  const file = String(values.get('trunk.secretFile'));
  if (file === '') return given;
  if (given !== '') problems.push(['trunk.secretFile', 'only one of trunk.secret and trunk.secretFile']);
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (Buffer.byteLength(secret) >= SECRET_BYTES_MIN) return secret;
    problems.push(['trunk.secretFile', `a file with at least ${SECRET_BYTES_MIN} bytes that nobody else knows`]);
  } catch {
    problems.push(['trunk.secretFile', 'a file that can be read']);
  }
  return '';
}

/** @param secret as it is in force */
export function trunkProblems(values: Values, secret: string): TrunkProblem[] {
  const problems: TrunkProblem[] = [];
  for (const key of ['trunk.listen', 'trunk.logics'] as const) {
    if (secret === '' && leavesMachine(values.get(key))) {
      problems.push([key, 'loopback addresses, or set trunk.secret (or trunk.secretFile) as well']);
    }
  }
  if ((values.get('trunk.tlsCert') === '') !== (values.get('trunk.tlsKey') === '')) {
    problems.push(['trunk.tlsCert', 'trunk.tlsCert and trunk.tlsKey together']);
  }
  return problems;
}

/** Whether any of the addresses is more than this machine's. */
export function leavesMachine(addresses: Value | undefined): boolean {
  return parseAddresses(addresses as readonly string[]).some(
    (address) => 'host' in address && !isLoopbackHost(address.host),
  );
}
