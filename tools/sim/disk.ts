/**
 * A machine's disk, and how a process sees it: every operation takes its time and may fail. What a killed process had
 * under way happens or does not; what was not synced when the power went is kept, dropped or torn (see `FaultDisk`).
 */
import type { Disk, DiskFile } from '../../src/store/disk.ts';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { SimProcess } from './process.ts';

/** What may go wrong, as chances per operation; changed while a run goes on. */
export interface DiskHealth {
  syncMsMax: number;
  writeFails: number;
  syncFails: number;
  isFull: boolean;
  /** Says that it has synced, and has not. */
  isLying: boolean;
}

export const HEALTHY_DISK: DiskHealth = { syncMsMax: 4, writeFails: 0, syncFails: 0, isFull: false, isLying: false };

const SHORT_MS_MAX = 0.3;

/** The hardware: outlives its processes. */
export class DiskMachine {
  readonly health: DiskHealth = { ...HEALTHY_DISK };
  readonly random: SeededRandom;
  platter: FaultDisk = new FaultDisk();
  owner: SimProcess | undefined;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  losePower(): void {
    this.platter = FaultDisk.fromFiles(this.platter.afterPowerLoss(this.platter.events.length, this.random));
  }
}

export class SimDisk implements Disk {
  readonly #machine: DiskMachine;
  readonly #process: SimProcess;
  /** Under way, oldest first. */
  readonly #pending = new Set<(platter: FaultDisk) => Promise<unknown>>();

  constructor(machine: DiskMachine, process: SimProcess) {
    this.#machine = machine;
    this.#process = process;
    process.onDeath(() => this.#processDied());
  }

  async open(path: string, options: { create: boolean }): Promise<DiskFile> {
    const file = await this.#do('open', (platter) => platter.open(path, options));
    return {
      write: (buffers, position) => this.#write(file, buffers, position),
      read: (buffer, position) => this.#do('read', () => file.read(buffer, position)),
      sync: () => this.#sync(file),
      truncate: (length) => this.#do('truncate', () => file.truncate(length)),
      size: () => this.#do('size', () => file.size()),
      close: () => this.#do('close', () => file.close()),
    };
  }

  list(directory: string): Promise<string[]> {
    return this.#do('list', (platter) => platter.list(directory));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', (platter) => platter.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#do('remove', (platter) => platter.remove(path));
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#do('syncDirectory', (platter) => platter.syncDirectory(directory));
  }

  async identity(): Promise<string> {
    return 'the machine';
  }

  async lock(): Promise<{ release(): Promise<void> } | undefined> {
    const machine = this.#machine;
    if (machine.owner?.isAlive === true) return undefined;
    machine.owner = this.#process;
    return {
      release: async () => {
        if (machine.owner === this.#process) machine.owner = undefined;
      },
    };
  }

  #write(file: DiskFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
    const { health, random } = this.#machine;
    return this.#do('write', async () => {
      const code = health.isFull ? 'ENOSPC' : random.fraction() < health.writeFails ? 'EIO' : undefined;
      if (code === undefined) return file.write(buffers, position);
      const whole = Buffer.concat(buffers);
      await file.write([whole.subarray(0, random.below(whole.length))], position);
      throw diskError(code, 'write');
    });
  }

  #sync(file: DiskFile): Promise<void> {
    const { health, random } = this.#machine;
    const sync = async (): Promise<void> => {
      if (random.fraction() < health.syncFails) throw diskError('EIO', 'sync');
      if (!health.isLying) await file.sync();
    };
    return this.#do('sync', sync, health.syncMsMax);
  }

  #do<Result>(what: string, operation: (platter: FaultDisk) => Promise<Result>, msMax = SHORT_MS_MAX): Promise<Result> {
    const { random, platter } = this.#machine;
    return new Promise((resolve, reject) => {
      if (!this.#process.isAlive) return;
      this.#pending.add(operation);
      this.#process.world.at(this.#process, msMax * random.fraction(), what, () => {
        this.#pending.delete(operation);
        operation(platter).then(resolve, reject);
      });
    });
  }

  #processDied(): void {
    for (const operation of this.#pending) {
      if (this.#machine.random.below(2) === 0) break;
      operation(this.#machine.platter).catch(() => undefined);
    }
    this.#pending.clear();
  }
}

function diskError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
