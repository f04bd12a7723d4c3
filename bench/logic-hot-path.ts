/**
 * CPU of logic with the embedded store per delivered message: SEND and the receiver's cursor in, SENDACK and MESSAGE out.
 *
 *     node bench/logic-hot-path.js [FOLDER]      (in the build output; takes about 6 s; FOLDER is of the disk to write to)
 *
 *   gate's frames, in bursts ──► [Logic ──► EmbeddedStore ──► FOLDER] ──► SENDACK, MESSAGE: counted, and sent for anew
 *
 * All in one process and without sockets: what is measured is the JavaScript, the disk and the collector, and a little
 * (about 0.1 µs) for the gate's part. Senders come in pairs with receivers, each with a few SENDs under way, and frames
 * arrive in bursts of a fixed size, so that a commit holds about as much in every run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { developmentApp } from '../src/config/apps.ts';
import { loadConfig } from '../src/config/load-config.ts';
import type { Logger } from '../src/log/logger.ts';
import { Logic } from '../src/logic/logic.ts';
import { Durability } from '../src/model/durability.ts';
import { PARTITIONS_DEFAULT } from '../src/model/partition.ts';
import type { AcceptHandler, Listener, Stream, Transport } from '../src/net/transport.ts';
import { Command, HEADER_BYTES, MessagePackWriter, writeConnectBody, writeSendBody } from '../src/protocol/index.ts';
import { EmbeddedStore } from '../src/store/embedded/embedded-store.ts';
import { NodeDisk } from '../src/store/embedded/node-disk.ts';
import { writeHello } from '../src/trunk/handshake-frames.ts';
import { writeForward, writeLogin, writePosition } from '../src/trunk/trunk-frames.ts';
import { TRUNK_VERSION, TrunkCommand } from '../src/trunk/trunk-protocol.ts';

const PAIRS = 200;
const SENDS_IN_FLIGHT = 8;
const PAYLOAD = Buffer.alloc(100, 0x61);
const CLIENT_MSG_ID = '0123456789abcdef0123456789abcdef';
const COUNTER_DIGITS = 8;
const BURST_SENDS = 256;
const BURST_MS = 1;
/** What a socket hands out at once. */
const READ_BYTES = 64 * 1024;
const WARM_UP_MS = 2000;
const MEASURE_MS = 4000;
const EPOCH = 1;
/** Longer than the run: the gate here answers none. */
const HEARTBEAT_MS = 600_000;

const clock = new SystemClock();
const ignore = (): void => {};
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => SILENT };

/** The gate's end of the only stream: sends anew for every SENDACK, reports what was pushed as acknowledged. */
class Gate implements Stream, Transport {
  slot = -1;
  owner: unknown = undefined;
  outboxEntry = -1;
  readonly pendingBytes = 0;
  readonly remoteAddress = '';
  pushes = 0;
  #handler: AcceptHandler | undefined;
  readonly #writer = new MessagePackWriter();
  /** Slots that may send, oldest first. */
  readonly #due: number[] = [];
  readonly #pushed = new Uint32Array(2 * PAIRS);
  readonly #acked = new Uint32Array(2 * PAIRS);
  /** A SEND frame of each sender, and where its counter is. */
  readonly #frames: { readonly bytes: Buffer; readonly counterAt: number }[] = [];
  #counter = 0;

  async listen(_address: unknown, handler: AcceptHandler): Promise<Listener> {
    this.#handler = handler;
    return { port: 0, close: () => Promise.resolve() };
  }

  dial(): Stream {
    throw new Error('logic dials nobody');
  }

  open(): void {
    this.#handler?.onAccepted(this);
    const nonce = Buffer.alloc(0);
    writeHello(this.#writer, { version: TRUNK_VERSION, role: 'gate', name: 'gate 1', bootId: 'bench', nonce });
    this.#deliver();
    for (let slot = 0; slot < 2 * PAIRS; slot++) this.#login(slot);
    this.#deliver();
  }

  /** Even slots send to the odd ones behind them. */
  start(): void {
    for (let slot = 0; slot < 2 * PAIRS; slot += 2) {
      const body = new MessagePackWriter();
      const fields = { target: uidOf(slot + 1), targetType: 0, clientMsgId: CLIENT_MSG_ID, flags: 0, payload: PAYLOAD };
      writeSendBody(body, fields);
      this.#writer.reset();
      writeForward(this.#writer, slot, slot + 1, Command.Send, 0x1000000, body.bytes(), 0, body.position);
      const bytes = this.#writer.copy();
      bytes.write(slot.toString().padStart(6, '0'), bytes.indexOf(CLIENT_MSG_ID));
      this.#frames[slot] = { bytes, counterAt: bytes.indexOf(CLIENT_MSG_ID.slice(6)) + 26 - COUNTER_DIGITS };
      for (let sent = 0; sent < SENDS_IN_FLIGHT; sent++) this.#due.push(slot);
    }
    this.#writer.reset();
    clock.setTimer(this.#burst, BURST_MS);
  }

  write(bytes: Uint8Array): boolean {
    const { length } = bytes;
    for (let at = 0; at < length; ) {
      const slot = ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number);
      const command = bytes[at + 3];
      if (command === TrunkCommand.Push) {
        this.pushes++;
        this.#pushed[slot] = (this.#pushed[slot] as number) + 1;
      } else if (command === TrunkCommand.Reply) this.#due.push(slot);
      at +=
        HEADER_BYTES + (((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number));
    }
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}

  readonly #burst = (): void => {
    clock.setTimer(this.#burst, BURST_MS);
    const due = this.#due;
    const writer = this.#writer;
    const count = Math.min(BURST_SENDS, due.length);
    for (let i = 0; i < count; i++) {
      const { bytes, counterAt } = this.#frames[due[i] as number] as { bytes: Buffer; counterAt: number };
      let counter = this.#counter++;
      for (let digit = COUNTER_DIGITS - 1; digit >= 0; digit--) {
        bytes[counterAt + digit] = 0x30 + (counter % 10);
        counter = (counter / 10) | 0;
      }
      writer.raw(bytes, 0, bytes.length);
    }
    due.splice(0, count);
    for (let slot = 1; slot < 2 * PAIRS; slot += 2) {
      const seq = this.#pushed[slot] as number;
      if (seq === this.#acked[slot]) continue;
      this.#acked[slot] = seq;
      writePosition(writer, TrunkCommand.Cursor, slot, slot + 1, EPOCH, seq);
    }
    this.#deliver();
  };

  /** As a socket does: in fresh buffers of limited size. */
  #deliver(): void {
    const { buffer, position } = this.#writer;
    for (let at = 0; at < position; at += READ_BYTES) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, position - at));
      buffer.copy(chunk, 0, at, at + chunk.length);
      this.#handler?.onBytes(this, chunk);
    }
    this.#writer.reset();
  }

  #login(slot: number): void {
    const body = new MessagePackWriter();
    const identity = { version: 1, app: 'demo', uid: uidOf(slot), credentialType: 0, credential: 'x' };
    const device = { deviceType: 'phone', deviceId: 'bench', intent: 0, lastGeneration: 0, epoch: 0, lastSeq: 0 };
    writeConnectBody(body, { ...identity, ...device, capabilities: 0, agent: '' });
    writeLogin(this.#writer, slot, slot + 1, '127.0.0.1', body.bytes(), 0, body.position);
  }
}

function uidOf(slot: number): string {
  return `${slot % 2 === 0 ? 's' : 'r'}${slot >> 1}-1a2b3c4d5e6f`;
}

interface Sample {
  readonly cpu: NodeJS.CpuUsage;
  readonly pushes: number;
  readonly commits: number;
}

async function main(folder: string): Promise<void> {
  const directory = mkdtempSync(join(folder, 'logic-hot-path-'));
  const random = new SystemRandom();
  const { logic: limits, gate: windows, limits: loginLimits, trunk, store: times } = loadConfig({ env: {}, directory });
  const store = new EmbeddedStore({
    disk: new NodeDisk(directory),
    clock,
    random,
    durability: Durability.Disk,
    retention: () => ({ ageMs: 1e12, countMax: 1e9 }),
    partitions: PARTITIONS_DEFAULT,
    commitIntervalMs: times.commitIntervalMs,
  });
  const gate = new Gate();
  const logic = new Logic({
    store,
    clock,
    random,
    log: SILENT,
    verifier: { verify: async () => ({ issuedAtMs: clock.wallMs() }) },
    limits: { ...limits, windowMessages: windows.windowMessages, windowBytes: windows.windowBytes },
    loginLimits,
    apps: [developmentApp({ retentionAgeMs: 0, retentionCount: 0 })],
    bootId: 'bench',
    transport: gate,
    addresses: [{ path: '/logic' }],
    times: { ...trunk, heartbeatMs: HEARTBEAT_MS },
    onFatal: (error) => {
      throw error;
    },
  });
  await logic.start();
  gate.open();
  while (logic.sessions.size < 2 * PAIRS) await delay(clock, 10);
  gate.start();
  await delay(clock, WARM_UP_MS);
  const sample = (): Sample => ({ cpu: process.cpuUsage(), pushes: gate.pushes, commits: logic.counters.commits });
  const before = sample();
  await delay(clock, MEASURE_MS);
  const after = sample();
  const messages = after.pushes - before.pushes;
  const micros = (part: 'user' | 'system'): number => (after.cpu[part] - before.cpu[part]) / messages;
  const result = {
    messagesPerSecond: Math.round((messages * 1000) / MEASURE_MS),
    messagesPerCommit: Math.round(messages / (after.commits - before.commits)),
    cpuMicrosPerMessage: Number((micros('user') + micros('system')).toFixed(3)),
    userMicros: Number(micros('user').toFixed(3)),
    systemMicros: Number(micros('system').toFixed(3)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  rmSync(directory, { recursive: true });
  process.exit(0);
}

await main(process.argv[2] ?? tmpdir());
