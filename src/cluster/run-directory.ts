/**
 * `data/run`: who runs here, and where the processes meet.
 *
 *   primary.pid gate-1.pid … logic-1.pid api.pid admin.pid    written when ready, removed on a clean exit; a dead one's is overwritten
 *   trunk.sock                                      gate, api ↔ logic
 *   logic-1.name                                    how the other logics of one Redis know the one that runs here
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Random, randomHex } from '../clock/random.ts';
import { lockDirectory, type ProcessLock } from '../net/process-lock.ts';
import { processTitle, runsUnderTitle } from './process-probe.ts';
import type { SystemPart } from './system-part.ts';

/** Who reaches the trunk's socket may log in as anybody and order backups. */
const OWNER_ONLY = 0o700;
/** Unix socket paths end at 107 bytes; some systems earlier. */
const SOCKET_PATH_BYTES_MAX = 100;
const LOGIC_NAME_BYTES = 16;
const PID_FILE = /^(gate|logic|api|admin)(?:-(\d+))?\.pid$/;

/** A role that outlived its primary. */
export interface Orphan {
  readonly pid: number;
  readonly role: string;
}

export class RunDirectory {
  readonly path: string;
  /** Where the processes of all parts meet. */
  readonly #shared: string;

  /** Creates the folder when it is missing. Gates and api that run by themselves have one of their own within it. */
  constructor(dataDirectory: string, part: SystemPart = 'all') {
    this.#shared = join(dataDirectory, 'run');
    this.path = part === 'gate' || part === 'api' ? join(this.#shared, part) : this.#shared;
    for (const path of [this.#shared, this.path]) {
      mkdirSync(path, { recursive: true });
      chmodSync(path, OWNER_ONLY);
    }
  }

  /** The one primary of this directory; undefined when there is another. */
  lock(): Promise<ProcessLock | undefined> {
    return lockDirectory(this.path);
  }

  /** `name`: "gate-1". */
  writePid(name: string, pid: number): void {
    const file = this.#pidFile(name);
    const aside = `${file}.${pid}`;
    writeFileSync(aside, `${pid}\n`);
    renameSync(aside, file);
  }

  /** Leaves a file alone that names another process by now. */
  removePid(name: string, pid: number): void {
    if (this.readPid(name) === pid) rmSync(this.#pidFile(name), { force: true });
  }

  readPid(name: string): number | undefined {
    try {
      const pid = Number.parseInt(readFileSync(this.#pidFile(name), 'utf8'), 10);
      return pid > 0 ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** The same at every start on this directory, so that a restarted logic takes up what it owned. */
  logicName(index: number, random: Random): string {
    const file = this.#nameFile(index);
    const known = this.readLogicName(index);
    if (known !== undefined) return known;
    const name = randomHex(random, LOGIC_NAME_BYTES);
    const aside = `${file}.new`;
    writeFileSync(aside, `${name}\n`);
    renameSync(aside, file);
    return name;
  }

  /** Undefined: no logic has run here yet. */
  readLogicName(index: number): string | undefined {
    try {
      return readFileSync(this.#nameFile(index), 'utf8').trim() || undefined;
    } catch {
      return undefined;
    }
  }

  /** What a killed primary left running. */
  orphans(): Orphan[] {
    const found: Orphan[] = [];
    for (const file of readdirSync(this.path)) {
      const [, role, index] = PID_FILE.exec(file) ?? [];
      const pid = role === undefined ? undefined : this.readPid(file.slice(0, -'.pid'.length));
      if (role === undefined || pid === undefined) continue;
      const title = processTitle(role, index === undefined ? undefined : Number(index));
      if (runsUnderTitle(pid, title)) found.push({ pid, role });
    }
    return found;
  }

  /**
   * Where logic listens for gates and api: as configured, or here, or, where that path is too long, under the system's
   * own folder.
   */
  trunkPath(configured: string): string {
    if (configured !== '') return resolve(configured);
    const usual = join(this.#shared, 'trunk.sock');
    if (Buffer.byteLength(usual) <= SOCKET_PATH_BYTES_MAX) return usual;
    const hash = createHash('sha256').update(realpathSync(this.#shared)).digest('hex').slice(0, 16);
    return join(tmpdir(), `sluice-${hash}.sock`);
  }

  #nameFile(index: number): string {
    return join(this.#shared, `logic-${index}.name`);
  }

  #pidFile(name: string): string {
    return join(this.path, `${name}.pid`);
  }
}
