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
import { INTEGER_MAX, MessagePackReader, MessagePackWriter, readConnect } from '../../src/protocol/index.ts';
import { writeLoginAccepted, writeMulticast } from '../../src/trunk/trunk-frames.ts';
import type { TrunkLink } from '../../src/trunk/trunk-link.ts';
import { TRUNK_VERSION, TrunkCommand } from '../../src/trunk/trunk-protocol.ts';
import { TrunkServer } from '../../src/trunk/trunk-server.ts';
import type { FromRig, ToRig } from './multicast-rig.ts';

/** In the servers' range and unknown to every client. */
const BENCH_COMMAND = 0xfe;
const TARGET_BYTES = 8;
const STATUS_MS = 1000;
const PARTITIONS = 64;

class MulticastLogic {
  readonly #reader = new MessagePackReader();
  readonly #clock = new SystemClock();
  readonly #server: TrunkServer;
  readonly #targets: Buffer[] = [];
  #link: TrunkLink | undefined;
  #round = 0;

  constructor(path: string) {
    const welcome = { version: TRUNK_VERSION, bootId: 'bench', partitions: PARTITIONS, durability: 1 };
    const times = { heartbeatMs: 2000, heartbeatMisses: 3 };
    const options = { transport: new NodeTransport(), clock: this.#clock, addresses: [{ path }], times, welcome };
    this.#server = new TrunkServer(options, {
      onLinkUp: (link) => {
        this.#link = link;
      },
      onFrame: (link, command, slot, bytes, start, end) => {
        if (command === TrunkCommand.Login) this.#login(link, slot, bytes, start, end);
        return true;
      },
      onLinkDown: () => {},
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  /** One frame for everybody. */
  send(payloadBytes: number): void {
    const text = `${this.#clock.wallMs()} ${++this.#round} `.padEnd(payloadBytes, 'x');
    const writer = new MessagePackWriter();
    writer.arrayHeader(1);
    writer.bin(Buffer.from(text, 'latin1'));
    if (this.#link === undefined) return;
    writeMulticast(this.#link.writer, BENCH_COMMAND, Buffer.concat(this.#targets), writer.bytes());
    this.#link.touch();
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
    const target = Buffer.alloc(TARGET_BYTES);
    target.writeUInt32BE(slot);
    target.writeUInt32BE(serial, 4);
    this.#targets.push(target);
  }
}

const clock = new SystemClock();

function say(message: FromRig): void {
  process.send?.(message);
}

async function open({ directory, gatePort }: Extract<ToRig, { type: 'open' }>): Promise<MulticastLogic> {
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
        if (message.type === 'ready') say({ type: 'ready', gatePort: message.port, gatePid: gate.pid });
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
  return logic;
}

function run(logic: MulticastLogic, { rounds, everyMs, payloadBytes }: Extract<ToRig, { type: 'run' }>): void {
  const startMs = clock.monotonicMs();
  let sent = 0;
  const tick = (): void => {
    const due = Math.min(rounds, Math.floor((clock.monotonicMs() - startMs) / everyMs));
    for (; sent < due; sent++) logic.send(payloadBytes);
    if (sent < rounds) clock.setTimer(tick, 1);
    else say({ type: 'done' });
  };
  tick();
}

process.title = 'bench: multicast logic';
let opened: MulticastLogic | undefined;
process.on('message', (message: ToRig) => {
  if (message.type === 'run') {
    if (opened !== undefined) run(opened, message);
    return;
  }
  void open(message).then((logic) => {
    opened = logic;
  });
});
