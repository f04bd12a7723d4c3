/**
 * A real gate process with the bench in the place of logic: accepts every login, then sends each payload as one
 * Multicast frame to all sessions. Measures what a gate's fan-out costs, without store, order or acknowledgements.
 */
import { join } from 'node:path';
import { SystemClock } from '../../src/clock/clock.ts';
import { spawnChild } from '../../src/cluster/spawn-child.ts';
import type { ChildHandle } from '../../src/cluster/supervised-child.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import {
  Command,
  INTEGER_MAX,
  MessagePackReader,
  MessagePackWriter,
  readConnect,
  readSend,
} from '../../src/protocol/index.ts';
import { writeOwned } from '../../src/trunk/owned-frames.ts';
import { beginReply, writeBodyBytes, writeLoginAccepted, writeMulticast } from '../../src/trunk/trunk-frames.ts';
import type { TrunkLink } from '../../src/trunk/trunk-link.ts';
import { TRUNK_VERSION, TrunkCommand } from '../../src/trunk/trunk-protocol.ts';
import { TrunkServer } from '../../src/trunk/trunk-server.ts';
import type { FromRig, ToRig } from './multicast-rig.ts';

/** In the servers' range and unknown to every client. */
const BENCH_COMMAND = 0xfe;
const TARGET_BYTES = 8;
const STATUS_MS = 1000;
const PARTITIONS = 64;
const EVERYTHING = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, ownerEpoch: 1 }));
/** An empty array, as a body. */
const NOTHING = Uint8Array.of(0x90);

class MulticastLogic {
  readonly #reader = new MessagePackReader();
  readonly #body = new MessagePackWriter();
  readonly #clock = new SystemClock();
  readonly #server: TrunkServer;
  /** Slot → serial. */
  readonly #sessions: Map<number, number> = new Map();
  #targets: Buffer | undefined;

  constructor(path: string) {
    const welcome = { version: TRUNK_VERSION, bootId: 'bench', partitions: PARTITIONS, durability: 1 };
    const times = { heartbeatMs: 2000, heartbeatMisses: 3 };
    const options = { transport: new NodeTransport(), clock: this.#clock, addresses: [{ path }], times, welcome };
    this.#server = new TrunkServer(options, {
      onLinkUp: (link) => {
        writeOwned(link.writer, EVERYTHING);
        link.touch();
      },
      onFrame: (link, command, slot, bytes, start, end) => {
        if (command === TrunkCommand.Login) this.#login(link, slot, bytes, start, end);
        else if (command === TrunkCommand.Closed) this.#leaves(slot);
        else if (command === TrunkCommand.Forward) this.#multicast(link, slot, bytes, start, end);
        return true;
      },
      onLinkDown: () => {},
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  /** A SEND (serial, command, requestId, body): its payload goes to everybody as one frame, and the sender gets an answer. */
  #multicast(link: TrunkLink, slot: number, bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    reader.arrayHeader();
    const serial = reader.uint(INTEGER_MAX);
    reader.uint(INTEGER_MAX);
    const requestId = reader.uint(INTEGER_MAX);
    const send = readSend(bytes, reader.binStart(), reader.position);
    if (send === undefined) return;
    this.#body.reset();
    this.#body.arrayHeader(1);
    this.#body.bin(send.payload);
    this.#targets ??= this.#everybody();
    writeMulticast(link.writer, BENCH_COMMAND, this.#targets, this.#body.bytes());
    writeBodyBytes(link.writer, beginReply(link.writer, slot, serial, Command.Sendack, requestId, 0, 0, 0), NOTHING);
    link.touch();
  }

  /** Everybody is welcome: serial, address of the client, body of CONNECT. */
  #login(link: TrunkLink, slot: number, bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    reader.arrayHeader();
    const serial = reader.uint(INTEGER_MAX);
    reader.str();
    const connect = readConnect(bytes, reader.binStart(), reader.position);
    if (connect === undefined) return;
    const { app, uid, deviceType, deviceId, capabilities } = connect;
    const identity = { app, uid, deviceType, deviceId, capabilities, generation: 1 };
    const times = { loggedInAtS: Math.floor(this.#clock.wallMs() / 1000), sessionExpiresAtMs: 0 };
    const position = { epoch: 1, head: 0, floor: 1, cursor: 0, startSeq: 0 };
    writeLoginAccepted(link.writer, slot, serial, { ...identity, ...position, ...times, ticket: '', resync: false });
    link.touch();
    this.#sessions.set(slot, serial);
    this.#targets = undefined;
  }

  #leaves(slot: number): void {
    this.#sessions.delete(slot);
    this.#targets = undefined;
  }

  #everybody(): Buffer {
    const targets = Buffer.alloc(TARGET_BYTES * this.#sessions.size);
    let at = 0;
    for (const [slot, serial] of this.#sessions) {
      targets.writeUInt32BE(slot, at);
      targets.writeUInt32BE(serial, at + 4);
      at += TARGET_BYTES;
    }
    return targets;
  }
}

const clock = new SystemClock();

function say(message: FromRig): void {
  process.send?.(message);
}

async function open({ directory, gatePort }: ToRig): Promise<void> {
  const trunkPath = join(directory, 'trunk.sock');
  const logic = new MulticastLogic(trunkPath);
  await logic.start();
  const config = loadConfig({ file: undefined, env: {}, flags: { 'log.level': 'warn' } });
  let told = false;
  const gate: ChildHandle = spawnChild(
    { role: 'gate', index: 1 },
    {
      onMessage: (message) => {
        if (!told)
          gate.send({ type: 'start', config, dataDirectory: directory, trunkPath, gatePort, httpPort: 0, part: 'all' });
        told = true;
        if (message.type === 'ready') say({ gatePort: message.port, gatePid: gate.pid });
      },
      onExit: () => process.exit(1),
    },
  );
  const beat = (): void => {
    gate.send({ type: 'status', gatesLinked: 1, logicReady: true, gatesListening: 1, stopping: false });
    clock.setTimer(beat, STATUS_MS);
  };
  beat();
  process.on('disconnect', () => {
    gate.kill('SIGKILL');
    process.exit(0);
  });
}

process.title = 'bench: multicast logic';
process.on('message', (message: ToRig) => void open(message));
