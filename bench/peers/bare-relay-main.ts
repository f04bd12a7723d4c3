/**
 * The floor: one process that relays between named connections, with coalesced writes and nothing else. No login, no
 * order across connections, no window, no store; a message to a name that is not there is gone.
 */
import { SystemClock } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { Outbox } from '../../src/net/outbox.ts';
import type { AcceptHandler, Stream } from '../../src/net/transport.ts';
import { FrameReader, type FrameSink, MessagePackWriter, type PartialFrame } from '../../src/protocol/index.ts';
import { RELAY_BODY_BYTES_MAX, RelayCommand } from './relay-protocol.ts';

const ONE_BYTE = 1;
const bodyBytesMax = (): number => RELAY_BODY_BYTES_MAX;

interface Client {
  readonly stream: Stream;
  partial: PartialFrame | undefined;
}

class BareRelay implements AcceptHandler, FrameSink<Client> {
  readonly #outbox = new Outbox(new SystemClock());
  readonly #frames = new FrameReader<Client>(this);
  readonly #writer = new MessagePackWriter();
  readonly #byName = new Map<string, Client>();

  onAccepted(stream: Stream): void {
    stream.owner = { stream, partial: undefined } satisfies Client;
  }

  onBytes(stream: Stream, bytes: Uint8Array): void {
    const client = stream.owner as Client;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    client.partial = this.#frames.read(client, client.partial, chunk, bodyBytesMax);
  }

  onDrain(): void {}

  onClosed(): void {}

  onMalformed(client: Client): void {
    client.stream.destroy();
  }

  onFrame(client: Client, command: number, requestId: number, bytes: Buffer, start: number, end: number): boolean {
    if (command === RelayCommand.Send) this.#relay(client, requestId, bytes, start, end);
    else if (command === RelayCommand.Broadcast) this.#broadcast(bytes, start, end);
    else if (command === RelayCommand.Hello) {
      this.#byName.set(bytes.toString('latin1', start, end), client);
      this.#write(client, RelayCommand.Welcome, 0, bytes, start, start + ONE_BYTE);
    }
    return true;
  }

  #relay(sender: Client, requestId: number, bytes: Buffer, start: number, end: number): void {
    const nameEnd = start + 1 + (bytes[start] as number);
    const receiver = this.#byName.get(bytes.toString('latin1', start + 1, nameEnd));
    if (receiver !== undefined) this.#write(receiver, RelayCommand.Message, 0, bytes, nameEnd, end);
    this.#write(sender, RelayCommand.Confirm, requestId, bytes, start, start + ONE_BYTE);
  }

  #broadcast(bytes: Buffer, start: number, end: number): void {
    this.#encode(RelayCommand.Message, 0, bytes, start, end);
    for (const { stream } of this.#byName.values()) {
      this.#outbox.append(stream, this.#writer.buffer, 0, this.#writer.position);
    }
  }

  #write(to: Client, command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    this.#encode(command, requestId, bytes, start, end);
    this.#outbox.append(to.stream, this.#writer.buffer, 0, this.#writer.position);
  }

  #encode(command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    this.#writer.reset();
    const frame = this.#writer.beginFrame(command, requestId);
    this.#writer.raw(bytes, start, end);
    this.#writer.endFrame(frame);
  }
}

process.title = 'bench: bare relay';
const listener = await new NodeTransport().listen({ host: '127.0.0.1', port: 0 }, new BareRelay());
process.send?.({ port: listener.port });
process.on('disconnect', () => process.exit(0));
