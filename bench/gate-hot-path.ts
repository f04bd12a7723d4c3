/**
 * CPU of one gate worker per acknowledged message: SEND in, SENDACK and MESSAGE out, ACK in, over real unix sockets.
 *
 *     node bench/gate-hot-path.js           (in the build output; takes about 8 s)
 *
 *   this process                                   child process: a Gate and nothing else
 *   clients ──SEND, ACK──► gate.sock ─────────────► [gate] ──► logic.sock ──► a logic that answers from memory
 *           ◄──SENDACK, MESSAGE──
 *
 * Clients come in pairs that write to each other, each with a few SENDs under way (a closed loop: this says what a
 * message costs, not how long it takes). Only the child's CPU time is counted, its system calls included. The figure
 * depends on how many frames share a tick, so the clients' number and depth are part of the result.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { SystemRandom } from '../src/clock/random.ts';
import { OPTIONS } from '../src/config/options.ts';
import { Gate } from '../src/gate/gate.ts';
import type { GateLimits } from '../src/gate/gate-options.ts';
import type { Logger } from '../src/log/logger.ts';
import { PARTITIONS_DEFAULT } from '../src/model/partition.ts';
import { NodeTransport } from '../src/net/node-transport.ts';
import type { Address, DialHandler, Stream } from '../src/net/transport.ts';
import {
  Command,
  FrameReader,
  type FrameSink,
  MessagePackWriter,
  type PartialFrame,
  SERVER_BODY_BYTES_MAX,
  writeAck,
  writeConnect,
  writeMessageBody,
  writeSend,
  writeSendackBody,
} from '../src/protocol/index.ts';
import { StaticDirectory } from '../src/trunk/logic-directory.ts';
import { writeOwned } from '../src/trunk/owned-frames.ts';
import { dispatchToLogic, type LogicFrameHandler } from '../src/trunk/trunk-dispatch.ts';
import { beginBody, beginPush, beginReply, endBody, writeLoginAccepted } from '../src/trunk/trunk-frames.ts';
import type { TrunkLink } from '../src/trunk/trunk-link.ts';
import { TRUNK_VERSION } from '../src/trunk/trunk-protocol.ts';
import { TrunkServer, type TrunkServerOwner } from '../src/trunk/trunk-server.ts';

const CLIENTS = 200;
const SENDS_IN_FLIGHT = 4;
const PAYLOAD = Buffer.alloc(100, 0x61);
const WARM_UP_MS = 2000;
const MEASURE_MS = 5000;
const EPOCH = 1;
const TRUNK_TIMES = { heartbeatMs: 2000, heartbeatMisses: 3 };

const clock = new SystemClock();
const transport = new NodeTransport();
const ignore = (): void => {};
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => SILENT };

const gateAddress = (directory: string): Address => ({ path: join(directory, 'gate.sock') });
const trunkAddress = (directory: string): Address => ({ path: join(directory, 'logic.sock') });

/** The defaults of the trusted profile. */
function trustedLimits(): GateLimits {
  const values = Object.entries(OPTIONS).map(([key, option]) => {
    const { trusted, default: value } = option as { readonly trusted?: number; readonly default: unknown };
    return [key.replace(/^.*\./, ''), trusted ?? value] as const;
  });
  return { ...(Object.fromEntries(values) as unknown as GateLimits), connectionsMax: 2 * CLIENTS, addressExempt: [] };
}

async function serveGate(directory: string): Promise<void> {
  const gate = new Gate({
    clock,
    random: new SystemRandom(),
    transport,
    log: SILENT,
    name: 'gate 1',
    bootId: 'bench',
    listen: [gateAddress(directory)],
    logics: new StaticDirectory([{ name: 'logic', address: trunkAddress(directory) }]),
    trunkTimes: TRUNK_TIMES,
    limits: trustedLimits(),
    tellAddress: false,
  });
  await gate.start();
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), pushes: gate.counters.pushes }));
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}

/** Where a client is, and the last seq pushed to it. */
interface Place {
  readonly link: TrunkLink;
  readonly slot: number;
  readonly serial: number;
  seq: number;
}

/** Answers SENDACK at once and pushes to the sender's partner. */
class PairLogic implements TrunkServerOwner, LogicFrameHandler<TrunkLink> {
  readonly #places: Place[] = [];
  #messageId = 1;

  onLinkUp(link: TrunkLink): void {
    writeOwned(
      link.writer,
      Array.from({ length: PARTITIONS_DEFAULT }, (_, partition) => ({ partition, ownerEpoch: 1 })),
    );
    link.touch();
  }
  onLinkDown(): void {}
  hasGuest(): boolean {
    return false;
  }
  onGuest(): void {}
  onForwardFor(): void {}
  onCursor(): void {}
  onRepush(): void {}
  onSessionClosed(): void {}
  onRegister(): void {}
  onApiPush(): void {}
  onApiKick(): void {}
  onApiSessions(): void {}
  onBackup(): void {}

  onFrame(link: TrunkLink, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    return dispatchToLogic(this, link, command, requestId, bytes, start, end);
  }

  onLogin(link: TrunkLink, slot: number, serial: number): void {
    this.#places[slot] = { link, slot, serial, seq: 0 };
    const identity = { app: 'demo', uid: `user${slot}`, deviceType: 'phone', deviceId: 'd', generation: 1 };
    const position = { epoch: EPOCH, head: 0, floor: 1, cursor: 0, startSeq: 0, loggedInAtS: 0, sessionExpiresAtMs: 0 };
    const frame = { ...identity, ...position, capabilities: 0, ticket: '', resync: false };
    writeLoginAccepted(link.writer, slot, serial, frame);
    link.touch();
  }

  onForward(link: TrunkLink, slot: number, serial: number, _command: number, requestId: number): void {
    const { writer } = link;
    const messageId = this.#messageId++;
    const reply = beginReply(writer, slot, serial, Command.Sendack, requestId, 0, 0, 0);
    const replyBody = beginBody(writer);
    writeSendackBody(writer, {
      messageId,
      serverTimeMs: 1,
      dup: false,
      durability: 3,
      replicas: 0,
      ownEpoch: 0,
      ownSeq: 0,
    });
    endBody(writer, reply, replyBody);
    const partner = this.#places[slot ^ 1];
    if (partner !== undefined) {
      const seq = ++partner.seq;
      const push = beginPush(writer, partner.slot, partner.serial, EPOCH, seq);
      const pushBody = beginBody(writer);
      const ids = { epoch: EPOCH, seq, messageId, timeMs: 1, kind: 0 };
      writeMessageBody(writer, { ...ids, from: 'alice', to: 'bob', clientMsgId: '', payload: PAYLOAD });
      endBody(writer, push, pushBody);
    }
    link.touch();
  }
}

/** Sends anew for every SENDACK, acknowledges everything of one read at once. */
class PairClient implements DialHandler, FrameSink<undefined> {
  readonly #reader: FrameReader<undefined> = new FrameReader(this);
  readonly #writer: MessagePackWriter = new MessagePackWriter();
  #partial: PartialFrame | undefined;
  #requestId = 1;
  #seq = 0;
  #acked = 0;

  onOpen(stream: Stream): void {
    const identity = { version: 1, app: 'demo', uid: 'alice', credentialType: 0, credential: 'x' };
    const device = { deviceType: 'phone', deviceId: 'd', intent: 0, lastGeneration: 0, epoch: 0, lastSeq: 0 };
    writeConnect(this.#writer, this.#requestId++, { ...identity, ...device, capabilities: 0, agent: '' });
    this.#flush(stream);
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#partial = this.#reader.read(undefined, this.#partial, chunk, () => SERVER_BODY_BYTES_MAX);
    if (this.#seq > this.#acked) {
      this.#acked = this.#seq;
      writeAck(this.#writer, 0, { epoch: EPOCH, seq: this.#acked });
    }
    this.#flush(stream);
  }

  onDrain(): void {}

  onClosed(_stream: Stream, error: Error | undefined): void {
    if (error !== undefined) throw error;
  }

  onFrame(_: undefined, command: number): boolean {
    if (command === Command.Message) this.#seq++;
    else if (command === Command.Sendack) this.#send();
    else if (command === Command.Connack) for (let sent = 0; sent < SENDS_IN_FLIGHT; sent++) this.#send();
    else throw new Error(`unexpected command ${command}`);
    return true;
  }

  onMalformed(): void {
    throw new Error('malformed frame from the gate');
  }

  #send(): void {
    const requestId = this.#requestId++;
    writeSend(this.#writer, requestId, {
      target: 'bob',
      targetType: 0,
      clientMsgId: `0123456789abcdef${requestId}`,
      flags: 0,
      payload: PAYLOAD,
    });
  }

  #flush(stream: Stream): void {
    if (this.#writer.position > 0) stream.write(this.#writer.copy());
    this.#writer.reset();
  }
}

interface Sample {
  readonly cpu: NodeJS.CpuUsage;
  readonly pushes: number;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gate-hot-path-'));
  const welcome = { version: TRUNK_VERSION, bootId: 'bench', partitions: PARTITIONS_DEFAULT, durability: 3 };
  const address = trunkAddress(directory);
  await new TrunkServer(
    { transport, clock, addresses: [address], times: TRUNK_TIMES, welcome },
    new PairLogic(),
  ).start();
  const child = fork(process.argv[1] as string, ['gate', directory]);
  const answer = (): Promise<unknown> => new Promise((resolve) => child.once('message', resolve));
  const sample = async (): Promise<Sample> => {
    const answered = answer();
    child.send('sample');
    return (await answered) as Sample;
  };
  await answer();
  await delay(clock, 200);
  for (let index = 0; index < CLIENTS; index++) transport.dial(gateAddress(directory), new PairClient());
  await delay(clock, WARM_UP_MS);
  const before = await sample();
  await delay(clock, MEASURE_MS);
  const after = await sample();
  const messages = after.pushes - before.pushes;
  const micros = (part: 'user' | 'system'): number => (after.cpu[part] - before.cpu[part]) / messages;
  const result = {
    clients: CLIENTS,
    sendsInFlight: SENDS_IN_FLIGHT,
    payloadBytes: PAYLOAD.length,
    messagesPerSecond: Math.round((messages * 1000) / MEASURE_MS),
    gateCpuMicrosPerMessage: Number((micros('user') + micros('system')).toFixed(2)),
    userMicros: Number(micros('user').toFixed(2)),
    systemMicros: Number(micros('system').toFixed(2)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  child.disconnect();
  rmSync(directory, { recursive: true });
  process.exit(0);
}

const [, , role, directory] = process.argv;
if (role === 'gate' && directory !== undefined) await serveGate(directory);
else await main();
