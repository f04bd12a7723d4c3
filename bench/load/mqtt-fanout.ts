/** Fan-out over an MQTT broker at QoS 0: one topic, everybody subscribed. */
import * as mqtt from 'mqtt-packet';
import { type Clock, delay } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import type { DialHandler, Stream } from '../../src/net/transport.ts';
import type { FanoutEvents, FanoutWire, FanoutWireOptions } from './fanout-wire.ts';
import { readMqttPackets } from './mqtt-packets.ts';
import { inBatches, LOGINS_AT_ONCE, writePayload } from './pair-wire.ts';

const CONNACK = 2;
const PUBLISH = 3;
const SUBACK = 9;
const TOPIC = 'fanout';
const CLOSE_MS = 100;
const EMPTY = Buffer.alloc(0);

interface Subscriber {
  readonly index: number;
  stream: Stream | undefined;
  partial: Buffer;
  ready: () => void;
}

export class MqttFanout implements FanoutWire, DialHandler {
  readonly #clock: Clock;
  readonly #options: FanoutWireOptions;
  readonly #events: FanoutEvents;
  readonly #transport = new NodeTransport();
  readonly #subscribers: Subscriber[];
  #closing = false;

  constructor(clock: Clock, options: FanoutWireOptions, events: FanoutEvents) {
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#subscribers = Array.from({ length: options.sessions }, (_, index) => ({
      index,
      stream: undefined,
      partial: EMPTY,
      ready: () => {},
    }));
  }

  open(): Promise<void> {
    return inBatches(this.#subscribers.length, LOGINS_AT_ONCE, (i) => this.#dial(this.#subscribers[i] as Subscriber));
  }

  publish(round: number, intendedMs: number): void {
    const payload = Buffer.alloc(this.#options.payloadBytes, 'x');
    writePayload(payload, 0, round, intendedMs);
    const packet = mqtt.generate({ cmd: 'publish', topic: TOPIC, qos: 0, dup: false, retain: false, payload });
    this.#subscribers[0]?.stream?.write(packet);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { stream } of this.#subscribers) stream?.end();
    await delay(this.#clock, CLOSE_MS);
  }

  onOpen(stream: Stream): void {
    const clientId = `f${(stream.owner as Subscriber).index}-${this.#options.runId}`;
    stream.write(
      mqtt.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 0 }),
    );
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const subscriber = stream.owner as Subscriber;
    subscriber.partial = readMqttPackets(subscriber.partial, bytes, (data, at, bodyAt) =>
      this.#packet(subscriber, data, at, bodyAt),
    );
  }

  onDrain(): void {}

  onClosed(): void {
    if (!this.#closing) this.#events.onBroken('a connection closed');
  }

  #packet(subscriber: Subscriber, data: Buffer, at: number, bodyAt: number): void {
    const type = (data[at] as number) >>> 4;
    if (type === PUBLISH) this.#events.onDelivered(subscriber.index, data, bodyAt + 2 + TOPIC.length);
    else if (type === SUBACK) subscriber.ready();
    else if (type === CONNACK && data[bodyAt + 1] === 0) {
      subscriber.stream?.write(
        mqtt.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 0 }] }),
      );
    } else this.#events.onBroken(`unexpected packet of type ${type}`);
  }

  #dial(subscriber: Subscriber): Promise<void> {
    return new Promise((resolve) => {
      subscriber.ready = resolve;
      subscriber.stream = this.#transport.dial({ host: this.#options.host, port: this.#options.port }, this);
      subscriber.stream.owner = subscriber;
    });
  }
}
