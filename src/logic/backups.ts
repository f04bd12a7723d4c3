/** Backups that the command line asks for while the system goes on. */
import type { Logger } from '../log/logger.ts';
import { writeBackedUp } from '../trunk/admin-frames.ts';
import type { TrunkLink } from '../trunk/trunk-link.ts';
import type { BackedUpFrame, BackupFrame } from '../trunk/trunk-protocol.ts';

/** Writes a consistent prefix of the store into an empty directory of this machine. Rejects with why it could not. */
export type MakeBackup = (directory: string) => Promise<Omit<BackedUpFrame, 'error'>>;

export class Backups {
  readonly #make: MakeBackup;
  readonly #log: Logger;

  constructor(make: MakeBackup | undefined, log: Logger) {
    this.#make = make ?? (() => Promise.reject(new Error('this store is backed up with tools of its own')));
    this.#log = log;
  }

  /** The answer may come after minutes. A link that has ended meanwhile gets none; the backup is finished all the same. */
  async handle(link: TrunkLink, requestId: number, { directory }: BackupFrame): Promise<void> {
    const answer = await this.#tryMake(directory);
    if (link.closed) return;
    writeBackedUp(link.writer, requestId, answer);
    link.touch();
  }

  async #tryMake(directory: string): Promise<BackedUpFrame> {
    try {
      const made = await this.#make(directory);
      this.#log.info({ directory, ...made }, 'a backup is complete');
      return { error: '', ...made };
    } catch (error) {
      this.#log.warn({ directory, error }, 'a backup failed');
      return { error: error instanceof Error ? error.message : String(error), storeId: '', segments: 0, bytes: 0 };
    }
  }
}
