/** The bench's handle of a gate that is driven by the bench over the trunk. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MeasuredProcess } from '../process-usage.ts';
import type { Runtime } from '../runtime.ts';
import { freePort } from '../system-under-test.ts';

export interface ToRig {
  readonly directory: string;
  readonly gatePort: number;
}

export interface FromRig {
  readonly gatePort: number;
  readonly gatePid: number;
}

const ENTRY = fileURLToPath(new URL('./multicast-rig-main.js', import.meta.url));

export class MulticastRig {
  readonly host = '127.0.0.1';
  readonly gatePort: number;
  readonly #child: ChildProcess;
  readonly #gatePid: number;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, gatePort: number, gatePid: number) {
    this.#child = child;
    this.#directory = directory;
    this.gatePort = gatePort;
    this.#gatePid = gatePid;
  }

  static async start(runtime: Runtime, nodeFlags: readonly string[]): Promise<MulticastRig> {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-multicast-'));
    const child = fork(ENTRY, [], { execPath: runtime.path, execArgv: [...nodeFlags] });
    child.send({ directory, gatePort: await freePort() } satisfies ToRig);
    const ready = await answer(child);
    return new MulticastRig(child, directory, ready.gatePort, ready.gatePid);
  }

  get processes(): MeasuredProcess[] {
    return [
      { name: 'gate 1', pid: this.#gatePid },
      { name: 'bench as logic', pid: this.#child.pid ?? 0 },
    ];
  }

  stop(): void {
    this.#child.disconnect();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function answer(child: ChildProcess): Promise<FromRig> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the gate ended')));
    child.once('message', (message: FromRig) => resolve(message));
  });
}
