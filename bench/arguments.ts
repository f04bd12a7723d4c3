/** The command line of the bench. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { PAYLOAD_BYTES_MIN } from './load/pair-wire.ts';
import { PEER_NAMES, type PeerName } from './peers/peer.ts';
import type { BenchSettings } from './scenario.ts';

/** Not a measurement: puts results on a page. */
export const REPORT = 'report';

export interface BenchArguments {
  readonly scenario: string;
  /** Results that are there already: for `report`. */
  readonly files: readonly string[];
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** Major version of the runtime; the bench's own when undefined. */
  readonly runtime: number | undefined;
  readonly settings: BenchSettings;
}

/** Prints help or the mistake and exits when the command line is not one. */
export function parseArguments(args: readonly string[], scenarios: Readonly<Record<string, string>>): BenchArguments {
  const program = new Command('bench')
    .description('Measures Sluice, beside its peers, on this machine.')
    .argument('<scenario>', Object.keys(scenarios).join(', '))
    .argument('[files...]', 'results to put on one page (report)')
    .option('--connections <n>', 'connections (scenarios that hold many)', count)
    .option('--seconds <s>', 'how long each run is measured', positive)
    .option('--rate <r>', 'messages per second offered, 0 for the maximum', count)
    .option('--json <file>', 'write the result')
    .option('--html <file>', 'write the result as a page with plots')
    .option('--against <systems>', `what to compare with: ${PEER_NAMES.join(',')}`, peers, [...PEER_NAMES])
    .option('--runtime <major>', 'Node 20, 24 or 26 for the systems under test', count)
    .option('--workers <n>', 'gate processes', count, 1)
    .option('--generators <n>', 'generator processes', count, 1)
    .option('--repeats <n>', 'runs of which the median counts', count, 1)
    .option('--pairs <n>', 'pairs of clients', count, 200)
    .option('--in-flight <n>', 'messages under way in each pair', count, 8)
    .option('--payload <bytes>', 'bytes of each message', payload, 100)
    .option('--set <key=value>', 'a configuration key of the system, repeatable', setting, {})
    .option('--node-flag <flag>', 'a flag for the node processes of the system, repeatable', collect, [])
    .option('--profiles <folder>', 'take CPU profiles of the processes of the system')
    .addHelpText('after', `\nScenarios:\n${describe(scenarios)}\n\nCores here: ${availableParallelism()}.`)
    .parse(args, { from: 'user' });
  const [scenario = '', ...files] = program.args;
  if (!Object.hasOwn(scenarios, scenario) || (files.length > 0 && scenario !== REPORT))
    program.error(`not understood: '${program.args.join(' ')}'`);
  const given = program.opts<Record<string, unknown>>();
  return {
    scenario,
    files,
    json: given['json'] as string | undefined,
    html: given['html'] as string | undefined,
    runtime: given['runtime'] as number | undefined,
    settings: {
      connections: given['connections'] as number | undefined,
      seconds: given['seconds'] as number | undefined,
      rate: given['rate'] as number | undefined,
      against: given['against'] as PeerName[],
      gateWorkers: given['workers'] as number,
      generators: given['generators'] as number,
      repeats: given['repeats'] as number,
      pairs: given['pairs'] as number,
      inFlight: given['inFlight'] as number,
      payloadBytes: given['payload'] as number,
      config: given['set'] as Record<string, string>,
      nodeFlags: given['nodeFlag'] as string[],
      profiles: given['profiles'] as string | undefined,
    },
  };
}

function describe(scenarios: Readonly<Record<string, string>>): string {
  return Object.entries(scenarios)
    .map(([name, text]) => `  ${name.padEnd(10)} ${text}`)
    .join('\n');
}

function count(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed');
  return value;
}

function payload(text: string): number {
  const bytes = count(text);
  if (bytes < PAYLOAD_BYTES_MIN) throw new InvalidArgumentError(`at least ${PAYLOAD_BYTES_MIN} are needed`);
  return bytes;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is needed');
  return value;
}

function peers(text: string): PeerName[] {
  return text.split(',').map((name) => {
    const known = PEER_NAMES.find((peer) => peer === name);
    if (known === undefined) throw new InvalidArgumentError(`one of ${PEER_NAMES.join(', ')}`);
    return known;
  });
}

function setting(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('key=value is needed');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function collect(text: string, before: string[]): string[] {
  return [...before, text];
}
