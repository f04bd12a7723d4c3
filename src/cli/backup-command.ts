/**
 * `sluice backup`: a consistent prefix of the store, while the system runs or while none does.
 *
 *   a system runs ──► Backup over the trunk's socket ──► logic copies up to its committed mark ──► BackedUp ─┐
 *   none runs     ──► the files are checked and copied here; nothing can start meanwhile ────────────────────┴─► read back
 */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Clock, SystemClock, type TimerHandle } from '../clock/clock.ts';
import { randomHex, SystemRandom } from '../clock/random.ts';
import { RunDirectory } from '../cluster/run-directory.ts';
import type { Config } from '../config/config.ts';
import { NodeTransport } from '../net/node-transport.ts';
import { backupDirectory, verifyBackup } from '../store/embedded/store-commands.ts';
import { readBackedUp, writeBackup } from '../trunk/admin-frames.ts';
import { TrunkDialer, type TrunkDialerOwner } from '../trunk/trunk-dialer.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import { type BackedUpFrame, TrunkCommand } from '../trunk/trunk-protocol.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { existingDirectory, storeDirectory, withoutSystem } from './system-lock.ts';
import { writeLine } from './terminal.ts';

export interface BackupOptions {
  readonly json?: boolean;
}

type Made = Omit<BackedUpFrame, 'error'>;

const BOOT_ID_BYTES = 8;
/** Logic may be on its way back from a crash. */
const CONNECT_MS_MAX = 10_000;

export async function backup(config: Config, options: BackupOptions, target: string): Promise<ExitCode> {
  const directory = resolve(target);
  const store = existingDirectory(storeDirectory(config), 'store to back up');
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new CliError(`${directory} is not empty; no backup was made`);
  }
  const made =
    (await withoutSystem(config, () => backupDirectory(store, directory).catch(noBackup))) ??
    (await askLogic(config, directory));
  await writeLine(
    options.json
      ? JSON.stringify({ directory, ...made })
      : `backed up to ${directory}: ${made.segments} segments, ${made.bytes} bytes`,
  );
  return ExitCode.Done;
}

function noBackup(error: unknown): never {
  throw new CliError(`no backup was made: ${error instanceof Error ? error.message : String(error)}`);
}

async function askLogic(config: Config, directory: string): Promise<Made> {
  const path = new RunDirectory(resolve(config.data.directory)).trunkPath(config.trunk.path);
  const { error, ...made } = await new BackupRequest(config, path, directory).answer;
  if (error !== '') noBackup(error);
  // What is only hoped to be a backup is none.
  await verifyBackup(directory).catch(noBackup);
  return made;
}

/** One request over a link of its own. */
class BackupRequest implements TrunkDialerOwner {
  readonly answer: Promise<BackedUpFrame>;
  readonly #clock: Clock = new SystemClock();
  readonly #dialer: TrunkDialer;
  readonly #directory: string;
  #timer: TimerHandle;
  #settle: (answer: BackedUpFrame) => void = () => {};

  constructor(config: Config, path: string, directory: string) {
    const random = new SystemRandom();
    const clock = this.#clock;
    this.#directory = directory;
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#dialer = new TrunkDialer(
      {
        transport: new NodeTransport(),
        clock,
        random,
        address: { path },
        times: config.trunk,
        role: 'admin',
        name: 'sluice backup',
        bootId: randomHex(random, BOOT_ID_BYTES),
      },
      this,
    );
    this.#timer = clock.setTimer(() => this.#end(`logic does not answer on ${path}`), CONNECT_MS_MAX);
    this.#dialer.start();
  }

  onUp(link: TrunkLink): void {
    this.#clock.clearTimer(this.#timer);
    writeBackup(link.writer, 1, { directory: this.#directory });
    link.touch();
  }

  onFrame(_link: TrunkLink, command: number, _requestId: number, bytes: Buffer, start: number, end: number): boolean {
    const answer = command === TrunkCommand.BackedUp ? readBackedUp(bytes, start, end) : undefined;
    if (answer !== undefined) this.#end(answer);
    return answer !== undefined;
  }

  onDown(_link: TrunkLink, reason: string): void {
    this.#end(`the link to logic ended (${reason}); remove what was written`);
  }

  #end(answer: BackedUpFrame | string): void {
    this.#clock.clearTimer(this.#timer);
    this.#settle(typeof answer === 'string' ? { error: answer, storeId: '', segments: 0, bytes: 0 } : answer);
    this.#dialer.stop();
  }
}
