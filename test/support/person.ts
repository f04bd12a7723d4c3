/** A client of this process that writes down what reaches it. */
import { type ClientOptions, type ClientPlatform, SluiceClient, systemPlatform } from '../../src/client/index.ts';
import { SystemClock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import type { System } from './system.ts';

const TOKEN_LIFETIME_MS = 3_600_000;
const clock = new SystemClock();

export function mintUserToken(uid: string): Promise<string> {
  const claims = { app: DEVELOPMENT_APP_ID, uid, secret: DEVELOPMENT_SECRET };
  return mintToken({ ...claims, issuedAtMs: clock.wallMs(), lifetimeMs: TOKEN_LIFETIME_MS });
}

/** Comes back at once: the wait before a reconnect is almost none. */
export function hurriedPlatform(): ClientPlatform {
  const platform = systemPlatform();
  const { random } = platform;
  return {
    ...platform,
    random: { fraction: () => random.fraction() / 10, bytes: (length) => random.bytes(length) },
  };
}

export class Person {
  readonly client: SluiceClient;
  readonly texts: string[] = [];
  logins = 0;
  /** Why its connections ended. */
  readonly ends: string[] = [];

  constructor(port: number, uid: string, options: Partial<ClientOptions> = {}) {
    this.client = new SluiceClient({
      host: '127.0.0.1',
      port,
      app: DEVELOPMENT_APP_ID,
      uid,
      deviceType: 'desktop',
      deviceId: `desk-${uid}`,
      token: () => mintUserToken(uid),
      ...options,
    });
    if (options.sendOnly !== true) {
      this.client.onMessage((message) => {
        this.texts.push(message.text);
      });
    }
    let isOnline = false;
    this.client.on('connected', () => {
      isOnline = true;
      this.logins += 1;
    });
    this.client.on('disconnected', ({ reasonName }) => {
      if (isOnline) this.ends.push(reasonName);
      isOnline = false;
    });
  }

  static async arrive(system: System, uid: string, options: Partial<ClientOptions> = {}): Promise<Person> {
    const person = new Person(system.gatePort, uid, options);
    await person.client.connect();
    return person;
  }

  /** `count` people at once: `<name>1`, `<name>2` … */
  static arriveAll(system: System, name: string, count: number): Promise<Person[]> {
    const platform = hurriedPlatform();
    return Promise.all(
      Array.from({ length: count }, (_, index) => Person.arrive(system, `${name}${index + 1}`, { platform })),
    );
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `message ${index + 1}`);
}
