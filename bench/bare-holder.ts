/** Holds connections to a bare `net` server, as the yardstick of memory per connection. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../src/config/environment.ts';
import { inBatches } from './load/pair-wire.ts';
import { type SourcePort, SourcePorts } from './load/source-ports.ts';
import { PROBE_FLAGS } from './memory-probe.ts';
import type { MeasuredProcess } from './process-usage.ts';
import type { Runtime } from './runtime.ts';

const AT_ONCE = 200;
/** Beyond those of the generators. */
const ADDRESS_GROUP = 1000;
const ENTRY = fileURLToPath(new URL('./peers/bare-holder-main.js', import.meta.url));

export class BareHolder {
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #ports = new SourcePorts(ADDRESS_GROUP);
  readonly #sockets: net.Socket[] = [];

  private constructor(directory: string, child: ChildProcess, port: number) {
    this.directory = directory;
    this.#child = child;
    this.#port = port;
  }

  static async start(runtime: Runtime, nodeFlags: readonly string[]): Promise<BareHolder> {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-bare-'));
    const execArgv = [...nodeFlags, ...PROBE_FLAGS];
    // As the system under test starts its own.
    const env = childEnvironment();
    const child = fork(ENTRY, [], { execPath: runtime.path, execArgv, cwd: directory, env });
    const port = await new Promise<number>((resolve) => {
      child.once('message', (message) => resolve((message as { port: number }).port));
    });
    return new BareHolder(directory, child, port);
  }

  get processes(): MeasuredProcess[] {
    return [{ name: 'bare', pid: this.#child.pid ?? 0 }];
  }

  async growTo(total: number): Promise<void> {
    await inBatches(total - this.#sockets.length, AT_ONCE, () => this.#dial(this.#ports.take()));
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  #dial(from: SourcePort): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port: this.#port, ...from });
      this.#sockets.push(socket);
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
  }
}
