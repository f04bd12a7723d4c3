/**
 * One-way pairs over an MQTT broker at QoS 1: PUBLISH, PUBACK to the sender; PUBLISH, PUBACK from the receiver.
 *
 * `mqtt-packet` writes and reads whatever happens once a connection and the first PUBLISH; the copies of it that follow
 * are patched (packet id, payload), and the two packets of the hot path are read by their fixed header, because a
 * generator that parses measures itself. Writes are coalesced as in the other loads.
 */

import * as mqtt from 'mqtt-packet';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { Outbox } from '../../src/net/outbox.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import { readMqttPackets } from './mqtt-packets.ts';
import {
  inBatches,
  LOGINS_AT_ONCE,
  type PairEvents,
  type PairWire,
  type PairWireOptions,
  writePayload,
} from './pair-wire.ts';

const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const SUBACK = 9;
const PACKET_ID_MAX = 0xffff;
const EMPTY = Buffer.alloc(0);

interface End {
  readonly name: string;
  readonly pair: number;
  readonly receives: boolean;
  readonly frame: Buffer;
  readonly packetIdAt: number;
  stream: Stream | undefined;
  partial: Buffer;
  packetId: number;
  ready: () => void;
}

export class MqttPairs implements PairWire, DialHandler {
  readonly #clock: Clock;
  readonly #options: PairWireOptions;
  readonly #events: PairEvents;
  readonly #transport = new NodeTransport();
  readonly #outbox: Outbox;
  readonly #ends: End[];
  readonly #puback = Buffer.from(mqtt.generate({ cmd: 'puback', messageId: 1 }));
  #closing = false;

  constructor(clock: Clock, options: PairWireOptions, events: PairEvents) {
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#outbox = new Outbox(clock);
    const pairs = Array.from({ length: options.pairs }, (_, pair) => pair);
    this.#ends = [...pairs.map((pair) => this.#end(pair, false)), ...pairs.map((pair) => this.#end(pair, true))];
  }

  async open(): Promise<void> {
    await inBatches(this.#ends.length, LOGINS_AT_ONCE, (i) => this.#dial(this.#ends[i] as End));
  }

  send(pair: number, counter: number, intendedMs: number): void {
    const end = this.#ends[pair] as End;
    if (end.stream === undefined) return;
    end.packetId = end.packetId === PACKET_ID_MAX ? 1 : end.packetId + 1;
    end.frame[end.packetIdAt] = end.packetId >>> 8;
    end.frame[end.packetIdAt + 1] = end.packetId;
    writePayload(end.frame, end.packetIdAt + 2, counter, intendedMs);
    this.#outbox.append(end.stream, end.frame, 0, end.frame.length);
  }

  async close(): Promise<void> {
    await delay(this.#clock, 50);
    this.#closing = true;
    for (const { stream } of this.#ends) stream?.end();
  }

  onOpen(stream: Stream): void {
    const { name } = stream.owner as End;
    this.#outbox.append(
      stream,
      mqtt.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: name,
        keepalive: 0,
      }),
    );
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const end = stream.owner as End;
    end.partial = readMqttPackets(end.partial, bytes, (data, at, bodyAt, bodyEnd) =>
      this.#packet(end, data, at, bodyAt, bodyEnd),
    );
  }

  onDrain(): void {}

  onClosed(stream: Stream): void {
    if (!this.#closing) this.#events.onBroken(`${(stream.owner as End).name}: connection closed`);
  }

  #packet(end: End, data: Buffer, at: number, bodyAt: number, bodyEnd: number): void {
    switch ((data[at] as number) >>> 4) {
      case PUBLISH:
        this.#published(end, data, bodyAt);
        break;
      case PUBACK:
        this.#events.onConfirmed(end.pair);
        break;
      case CONNACK:
        if (data[bodyAt + 1] !== 0) this.#events.onBroken(`${end.name}: login refused`);
        else if (end.receives) this.#subscribe(end);
        else end.ready();
        break;
      case SUBACK:
        end.ready();
        break;
      default:
        this.#events.onBroken(`${end.name}: unexpected packet of ${bodyEnd - bodyAt} bytes`);
    }
  }

  #published(end: End, data: Buffer, bodyAt: number): void {
    const packetIdAt = bodyAt + 2 + (((data[bodyAt] as number) << 8) | (data[bodyAt + 1] as number));
    this.#events.onDelivered(end.pair, data, packetIdAt + 2);
    this.#puback[2] = data[packetIdAt] as number;
    this.#puback[3] = data[packetIdAt + 1] as number;
    if (end.stream !== undefined) this.#outbox.append(end.stream, this.#puback, 0, this.#puback.length);
  }

  #subscribe(end: End): void {
    const subscriptions = [{ topic: this.#topic(end.pair), qos: 1 as const }];
    const packet = mqtt.generate({ cmd: 'subscribe', messageId: 1, subscriptions });
    if (end.stream !== undefined) this.#outbox.append(end.stream, packet);
  }

  #topic(pair: number): string {
    return `b/${this.#options.firstPair + pair}`;
  }

  #end(pair: number, receives: boolean): End {
    const { firstPair, payloadBytes, runId } = this.#options;
    const payload = Buffer.alloc(payloadBytes, 'x');
    const frame = Buffer.from(
      mqtt.generate({
        cmd: 'publish',
        topic: this.#topic(pair),
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
        payload,
      }),
    );
    const name = `${receives ? 'r' : 's'}${firstPair + pair}-${runId}`;
    const packetIdAt = frame.length - payloadBytes - 2;
    return {
      name,
      pair,
      receives,
      frame,
      packetIdAt,
      stream: undefined,
      partial: EMPTY,
      packetId: 0,
      ready: () => {},
    };
  }

  #dial(end: End): Promise<void> {
    return new Promise((resolve) => {
      end.ready = resolve;
      end.stream = this.#transport.dial({ host: this.#options.host, port: this.#options.port }, this);
      end.stream.owner = end;
    });
  }
}
