/** The commands and their options. What a command does is imported when it is asked for. */
import { Command, CommanderError, Option } from 'commander';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { processEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load-config.ts';
import { OPTION_KEYS } from '../config/options.ts';
import { CliError, ExitCode } from './cli-error.ts';
import * as parse from './option-parsers.ts';
import { writeProblem } from './terminal.ts';

const SEND_TIMEOUT_MS = 15_000;

/** `argument`: what the command is given without an option; '' for nothing. */
type Act = (config: Config, options: never, argument: string) => Promise<ExitCode>;

/** Runs one command line. Resolves with the exit code; problems are told on stderr. */
export async function runCli(args: readonly string[]): Promise<ExitCode> {
  const run = new CliRun();
  try {
    await run.program.parseAsync(args, { from: 'user' });
    return run.exitCode;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  if (error instanceof ConfigError) {
    for (const { key, value, source, allowed } of error.problems) {
      writeProblem(`${key}${value === undefined ? '' : ` = ${value}`} (${source}): ${allowed}`);
    }
    return ExitCode.Usage;
  }
  if (!(error instanceof CliError)) throw error;
  writeProblem(error.message);
  return error.exitCode;
}

/** Configuration keys are hidden options, which the parser does not suggest. */
function withSuggestion(problem: string): string {
  const [, key] = /^unknown option '--([\w.]+)'$/.exec(problem.trim()) ?? [];
  if (key === undefined) return problem;
  return (
    problem.trim() +
    didYouMean(
      `--${key}`,
      OPTION_KEYS.map((known) => `--${known}`),
    )
  );
}

class CliRun {
  readonly program: Command = new Command('sluice');
  exitCode: ExitCode = ExitCode.Done;

  constructor() {
    const { program } = this;
    program
      .description('Instant messaging for people who run their own.')
      .exitOverride()
      .configureOutput({ outputError: (text) => writeProblem(withSuggestion(text.replace(/^error: /, ''))) })
      .option('--config <file>', 'configuration file (default: $SLUICE_CONFIG, or sluice.toml when there is one)')
      .option('--print-config', 'print the configuration in force, with all keys explained, and exit')
      .option('--check-config', 'check the configuration and exit')
      .addHelpText(
        'after',
        '\nEvery configuration key is an option as well, e.g. --gate.port 7401; see --print-config.',
      );
    for (const key of OPTION_KEYS) program.addOption(new Option(`--${key} <value>`).hideHelp());
    this.#addStart();
    this.#addDrain();
    this.#addToken();
    this.#addSend();
    this.#addListen();
    this.#addChat();
    this.#addPush();
    this.#addCareOfTheStore();
    this.#addSize();
    // After the commands, which would inherit it: what is left over here is a command that does not exist.
    program.allowExcessArguments().action(() => this.#withoutCommand());
  }

  #addStart(): void {
    const parts = [
      ['start', 'all', 'run the whole system on this machine'],
      ['gate', 'gate', 'run gates alone: clients here, logic at trunk.logics'],
      ['logic', 'logic', 'run logic alone, for gates that dial trunk.listen'],
      ['api', 'api', 'run the HTTP side alone, with logic at trunk.logics'],
    ] as const;
    for (const [name, part, description] of parts) {
      // Only who checks credentials needs the apps.
      const appsOptional = part === 'gate' || part === 'api';
      this.#add(name, description, async () => (await import('./start-command.ts')).start(part), appsOptional);
    }
  }

  #addDrain(): void {
    const drain = async (): Promise<Act> => (await import('./drain-command.ts')).drain as Act;
    this.#add('drain', 'let a running role leave, and wait until it has', drain, true)
      .argument('[role]', 'start, gate, logic or api', parse.parseDrainable, 'start')
      .option('--url <url>', 'where its HTTP side is', parse.parseUrl('--url'))
      .option('--timeout <seconds>', 'give up after', parse.parseTimeout);
  }

  #addToken(): void {
    this.#add('token', 'print a login token', async () => (await import('./token-command.ts')).token)
      .requiredOption('--app <id>', 'app', parse.parseIdentifier('--app'))
      .requiredOption('--uid <uid>', 'user', parse.parseIdentifier('--uid'))
      .option('--ttl <time>', 'how long it is valid: 30s, 15m, 24h', parse.parseTtl, parse.TTL_MS_MAX)
      .option('--device <id>', 'the only device that may use it', parse.parseIdentifier('--device'));
  }

  #addSend(): void {
    const send = this.#add('send', 'send one message', async () => (await import('./send-command.ts')).send);
    addLogin(send)
      .requiredOption('--to <uid>', 'who gets it', parse.parseIdentifier('--to'))
      .option('--text <text>', 'the message as text')
      .option('--payload-base64 <bytes>', 'the message as bytes', parse.parseBase64)
      .option('--stdin', 'the message from standard input')
      .option('--client-msg-id <id>', 'idempotency key', parse.parseMessageKey('--client-msg-id'))
      .option('--timeout <seconds>', 'give up after', parse.parseTimeout, SEND_TIMEOUT_MS)
      .option('--json', 'print the receipt as JSON');
  }

  #addListen(): void {
    const listen = this.#add('listen', 'print messages', async () => (await import('./listen-command.ts')).listen);
    addLogin(listen)
      .option('--count <n>', 'exit after n messages', parse.parseCount)
      .option('--timeout <seconds>', 'exit after, with code 1 when --count was not reached', parse.parseTimeout)
      .option('--state <file>', 'keep the position in a file too, so that nothing is ever repeated')
      .option('--json', 'one JSON object a line');
  }

  #addChat(): void {
    const chat = this.#add('chat', 'talk to a user', async () => (await import('./chat-command.ts')).chat);
    addLogin(chat).requiredOption('--to <uid>', 'whom to talk to', parse.parseIdentifier('--to'));
  }

  #addPush(): void {
    this.#add('push', 'send one message over HTTP', async () => (await import('./push-command.ts')).push)
      .requiredOption('--app <id>', 'app', parse.parseIdentifier('--app'))
      .requiredOption('--to <uid>', 'who gets it', parse.parseIdentifier('--to'))
      .requiredOption('--text <text>', 'the message')
      .option('--id <id>', 'idempotency key', parse.parseMessageKey('--id'))
      .option('--from <uid>', 'who it is from', parse.parseIdentifier('--from'))
      .option('--url <url>', 'where the HTTP side is', parse.parseUrl('--url'))
      .option('--timeout <seconds>', 'give up after', parse.parseTimeout, SEND_TIMEOUT_MS)
      .option('--json', 'print the answer as JSON');
  }

  #addCareOfTheStore(): void {
    this.#add(
      'backup',
      'copy the store, also while it is in use',
      async () => (await import('./backup-command.ts')).backup,
    )
      .argument('<directory>', 'where to; empty or not there yet')
      .option('--json', 'print the result as JSON');
    this.#add('restore', 'make a store out of a backup', async () => (await import('./restore-command.ts')).restore)
      .argument('<directory>', 'the backup')
      .option('--json', 'print the result as JSON');
    this.#add('fsck', 'check the store while nothing runs', async () => (await import('./fsck-command.ts')).fsck)
      .argument('[directory]', 'a backup, to be checked instead', '')
      .option('--repair', 'cut a damaged store down to what is consistent; the rest is put aside')
      .option('--json', 'print the report as JSON');
    this.#addMigrate();
  }

  #addMigrate(): void {
    this.#add(
      'migrate',
      'copy the store into Redis; goes on where it was interrupted',
      async () => (await import('./migrate-command.ts')).migrateStore,
    )
      .option('--from <directory>', 'data directory that nothing uses, or a backup (default: data.directory)')
      .option('--to <url>', 'redis://host:port, several separated by commas for a cluster, or the path of a socket')
      .option('--dry-run', 'look at both sides and write nothing')
      .option('--forget-deleted', 'go on although sends of messages that retention has deleted can be stored twice')
      .option('--json', 'print the result as JSON');
  }

  #addSize(): void {
    const number = parse.parseNumber;
    this.#add(
      'size',
      'machines for so many users, with the arithmetic',
      async () => (await import('./size-command.ts')).size,
    )
      .requiredOption('--users <n>', 'users, e.g. 5e6', number('--users', 1, 1e10))
      .option(
        '--messages-per-day <n>',
        'messages that one user sends in a day',
        number('--messages-per-day', 0, 1e6),
        50,
      )
      .option('--online <share>', 'share of the users online at the busiest time', number('--online', 0, 1), 0.3)
      .option('--devices <n>', 'devices of one user', number('--devices', 1, 16), 1.3)
      .option('--payload <bytes>', 'bytes of one message', number('--payload', 0, 65_536), 200)
      .option('--peak <factor>', 'the busiest second against the mean of a day', number('--peak', 1, 1000), 4)
      .option('--reconnects-per-hour <n>', 'of one connection', number('--reconnects-per-hour', 0, 3600), 0.5)
      .option('--retention-days <n>', 'days kept (default: store.retentionAgeMs)', number('--retention-days', 0, 3650))
      .option('--cores <n>', 'of one machine', number('--cores', 1, 1024), 8)
      .option('--memory-gb <n>', 'of one machine', number('--memory-gb', 1, 65_536), 32)
      .option('--load <share>', 'what may be used of a machine or node', number('--load', 0.05, 1), 0.5)
      .option('--redis-node-gb <n>', 'memory of one Redis node', number('--redis-node-gb', 1, 65_536), 32)
      .option('--redis-replicas <n>', 'copies of each Redis node', number('--redis-replicas', 0, 5), 1)
      .option('--cpu-per-delivery <us>', 'as you measured it', number('--cpu-per-delivery', 0.1, 1e6))
      .option('--cpu-per-login <us>', 'as you measured it', number('--cpu-per-login', 0.1, 1e6))
      .option('--json', 'print the result as JSON');
  }

  #add(name: string, description: string, load: () => Promise<Act>, appsOptional = false): Command {
    const command = this.program.command(name).description(description);
    // Commander hands over the arguments, then the options, then the command.
    command.action(async (...given: unknown[]) => {
      const config = this.#loadConfig(appsOptional);
      if (await this.#answersAboutConfig(config)) return;
      const act = await load();
      this.exitCode = await act(config, given.at(-2) as never, given.length > 2 ? String(given[0]) : '');
    });
    return command;
  }

  async #withoutCommand(): Promise<void> {
    const [unknown] = this.program.args;
    if (unknown !== undefined) {
      const names = this.program.commands.map((command) => command.name());
      throw new CliError(`unknown command '${unknown}'${didYouMean(unknown, names)}`, ExitCode.Usage);
    }
    if (await this.#answersAboutConfig(this.#loadConfig())) return;
    this.program.outputHelp({ error: true });
    this.exitCode = ExitCode.Usage;
  }

  #loadConfig(appsOptional = false): Config {
    const given: Readonly<Record<string, unknown>> = this.program.opts();
    const flags: Record<string, string> = {};
    for (const key of OPTION_KEYS) if (given[key] !== undefined) flags[key] = String(given[key]);
    return loadConfig({ file: given['config'] as string | undefined, env: processEnvironment(), flags, appsOptional });
  }

  /** `--print-config` and `--check-config`. */
  async #answersAboutConfig(config: Config): Promise<boolean> {
    const { printConfig: printing, checkConfig: checking } = this.program.opts<Record<string, unknown>>();
    if (printing === true) process.stdout.write((await import('../config/print-config.ts')).printConfig(config));
    else if (checking === true) process.stdout.write(`the configuration is fine (${config.file ?? 'no file'})\n`);
    return printing === true || checking === true;
  }
}

/** The options of every command that logs in. */
function addLogin(command: Command): Command {
  return command
    .requiredOption('--app <id>', 'app', parse.parseIdentifier('--app'))
    .requiredOption('--uid <uid>', 'user', parse.parseIdentifier('--uid'))
    .option('--device <id>', 'device id', parse.parseIdentifier('--device'))
    .option('--device-type <type>', 'kind of device', parse.parseIdentifier('--device-type'))
    .option('--host <host>', 'gate to dial (default: gate.host)', parse.parseHost)
    .option('--port <port>', 'its port (default: gate.port)', parse.parsePort)
    .option(
      '--iplist <url>',
      'where to ask for a gate; --host and --port are the one to fall back on',
      parse.parseUrl('--iplist'),
    )
    .option('--token <token>', 'login token (default: made with the configured secret)');
}
