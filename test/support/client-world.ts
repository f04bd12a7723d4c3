/** A client and a scripted server on one manual clock. */
import { type ClientOptions, type Message, SluiceClient } from '../../src/client/index.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryTransport } from './memory-transport.ts';
import { ScriptedServer } from './scripted-server.ts';
import { SeededRandom } from './seeded-random.ts';

const PORT = 7400;

export class ClientWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly random: SeededRandom = new SeededRandom(7);
  readonly transport: MemoryTransport = new MemoryTransport(this.clock);
  /** The names of the events that the clients made here have told, with what the tests look at. */
  readonly events: string[] = [];
  /** Of each disconnection, how long until the next attempt. */
  readonly retriesInMs: (number | undefined)[] = [];
  /** Texts that handlers added by `receive` were given. */
  readonly texts: string[] = [];
  server: ScriptedServer = new ScriptedServer();

  static async start(): Promise<ClientWorld> {
    const world = new ClientWorld();
    world.server = await ScriptedServer.listen(world.transport, PORT);
    return world;
  }

  client(options: Partial<ClientOptions> = {}): SluiceClient {
    const { clock, random, transport } = this;
    const client = new SluiceClient({
      host: '127.0.0.1',
      port: PORT,
      app: 'demo',
      uid: 'alice',
      deviceType: 'phone',
      deviceId: 'phone1',
      token: 'token',
      platform: { clock, random, transport },
      ...options,
    });
    client.on('connected', () => this.events.push('connected'));
    client.on('disconnected', (event) => {
      this.events.push(`disconnected ${event.reasonName}`);
      this.retriesInMs.push(event.retryInMs);
    });
    client.on('stopped', (event) => this.events.push(`stopped ${event.reasonName}`));
    client.on('kicked', (event) => this.events.push(`kicked ${event.reasonName}`));
    client.on('gap', (event) => this.events.push(`gap ${event.from}-${event.to}`));
    client.on('resync', (event) => this.events.push(`resync ${event.epoch}`));
    client.on('error', (event) => this.events.push(`error ${event.name}`));
    return client;
  }

  /** A client that is logged in. */
  async connected(options: Partial<ClientOptions> = {}): Promise<SluiceClient> {
    const client = this.client(options);
    await this.finish(client.connect());
    return client;
  }

  receive(client: SluiceClient, handler: (message: Message) => void | Promise<void> = () => {}): void {
    client.onMessage((message) => {
      this.texts.push(message.text);
      return handler(message);
    });
  }

  /** Lets `ms` pass. */
  async pass(ms: number, stepMs = 5): Promise<void> {
    await this.clock.advanceAsync(ms, stepMs);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let round = 0; round < 100; round += 1) await this.clock.settle();
  }

  /** Lets time pass until `promise` is settled, two minutes at most. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const watched = promise.finally(() => {
      isSettled = true;
    });
    watched.catch(() => {});
    await this.settle();
    for (let ms = 0; ms < 120_000 && !isSettled; ms += 5) await this.pass(5);
    if (!isSettled) throw new Error('it does not come to an end');
    return watched;
  }
}
