/** The systems that Sluice is compared with, each as a process of its own on a free port. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delay, SystemClock } from '../../src/clock/clock.ts';
import type { MeasuredProcess } from '../process-usage.ts';
import type { Runtime } from '../runtime.ts';
import { freePort } from '../system-under-test.ts';

export type PeerName = 'bare' | 'mosquitto' | 'aedes';
export const PEER_NAMES: readonly PeerName[] = ['bare', 'mosquitto', 'aedes'];

const MOSQUITTO = 'mosquitto';
const MOSQUITTO_START_MS = 5000;
const POLL_MS = 25;
const clock = new SystemClock();

export class Peer {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly name: PeerName;
  /** For the result: "mosquitto 2.0.11". */
  readonly description: string;
  readonly #process: ChildProcess;
  readonly #directory: string | undefined;

  private constructor(name: PeerName, description: string, process: ChildProcess, port: number, directory?: string) {
    this.name = name;
    this.description = description;
    this.#process = process;
    this.port = port;
    this.#directory = directory;
  }

  static start(name: PeerName, runtime: Runtime): Promise<Peer> {
    if (name === MOSQUITTO) return Peer.#startMosquitto();
    const file = name === 'bare' ? 'bare-relay-main.js' : 'aedes-main.js';
    return Peer.#startNode(name, file, runtime);
  }

  processes(): MeasuredProcess[] {
    return [{ name: this.name, pid: this.#process.pid ?? 0 }];
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGTERM');
    await ended;
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  static async #startNode(name: PeerName, file: string, runtime: Runtime): Promise<Peer> {
    const entry = fileURLToPath(new URL(`./${file}`, import.meta.url));
    const child = fork(entry, [], { execPath: runtime.path });
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { port: number }).port));
      child.once('exit', (code) => reject(new Error(`${name} ended with code ${code}`)));
    });
    return new Peer(name, `${name} on Node ${runtime.version}`, child, port);
  }

  static async #startMosquitto(): Promise<Peer> {
    installMosquitto();
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-mosquitto-'));
    const config = join(directory, 'mosquitto.conf');
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence false',
      'set_tcp_nodelay true',
      'max_inflight_messages 0',
      'max_queued_messages 0',
      'log_type none',
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    const child = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' });
    for (let waitedMs = 0; waitedMs < MOSQUITTO_START_MS && !(await answers(port)); waitedMs += POLL_MS) {
      await delay(clock, POLL_MS);
    }
    return new Peer(MOSQUITTO, mosquittoVersion(), child, port, directory);
  }
}

/** The version, or '' when it is not installed. */
function mosquittoVersion(): string {
  const { stdout } = spawnSync(MOSQUITTO, ['-h'], { encoding: 'utf8' });
  return /mosquitto version \S+/.exec(stdout ?? '')?.[0] ?? '';
}

function installMosquitto(): void {
  if (mosquittoVersion() !== '') return;
  process.stderr.write('bench: installing mosquitto with apt-get\n');
  const { status } = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', MOSQUITTO], { stdio: 'ignore' });
  if (status !== 0) throw new Error('mosquitto is missing: apt-get install mosquitto');
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ host: '127.0.0.1', port });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
