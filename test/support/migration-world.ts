/** An embedded store with everything in it that a migration has to carry, and what of it a store shows. */
import { SystemClock } from '../../src/clock/clock.ts';
import type { AppId, Uid } from '../../src/model/ids.ts';
import type { EmbeddedStoreOptions } from '../../src/store/embedded/embedded-store.ts';
import { type MigrationOptions, type MigrationResult, migrate } from '../../src/store/migration/migration.ts';
import { MIGRATION_SCRIPTS } from '../../src/store/migration/migration-scripts.ts';
import type { RedisClient } from '../../src/store/redis/client.ts';
import { STORE_SCRIPTS } from '../../src/store/redis/scripts.ts';
import type { RetentionPolicy, StoredMessage, UserState } from '../../src/store/store.ts';
import { TICKET_KEY_BYTES } from '../../src/store/ticket-rules.ts';
import { embeddedDriver } from './embedded-maker.ts';
import { FaultDisk } from './fault-disk.ts';
import { ManualClock } from './manual-clock.ts';
import { letSocketsWork, makeRedisStore } from './redis-maker.ts';
import { APP, append, cursor, login, revoke, StoreDriver, WALL_START_MS } from './store-driver.ts';

export const OTHER: AppId = 'other' as AppId;
export const USERS = 24;
export const SENT = 400;
/** So that floors rise. */
const COUNT_MAX = 12;
export const retention = (): RetentionPolicy => ({ ageMs: 30 * 24 * 3_600_000, countMax: COUNT_MAX });
/** Redis ends dedupe rows by its own clock. */
const systemClock = new SystemClock();

export function ticketKey(number: number): Uint8Array {
  return new Uint8Array(TICKET_KEY_BYTES).fill(1, 0, 8).fill(number, 8);
}

export interface Shown {
  readonly users: Map<string, UserState & { messages: StoredMessage[] }>;
}

export async function shownBy(driver: StoreDriver): Promise<Shown> {
  const users: Shown['users'] = new Map();
  for (const app of [APP, OTHER]) {
    for (let user = 0; user < USERS + 1; user++) {
      const uid = `u${user}` as Uid;
      const state = await driver.finish(driver.store.readUser(app, uid));
      const { messages } = await driver.page(uid, 0, 1000, 10_000_000, app);
      const plain = messages.map((message) => ({ ...message, payload: new Uint8Array(message.payload) }));
      users.set(`${app}/${uid}`, { ...state, messages: plain });
    }
  }
  return { users };
}

/** Messages, copies, floors, logins, tickets, cursors, a revocation, two apps, a user without messages. */
export async function fill(driver: StoreDriver): Promise<void> {
  const sends = Array.from({ length: SENT }, (_, i) =>
    append({
      to: `u${(i * 7 + (i >> 4)) % USERS}`,
      from: `u${i % USERS}`,
      id: `m${i}-é`,
      text: `${i} ${'x'.repeat(i % 300)}`,
      app: i % 5 === 0 ? OTHER : APP,
      copy: i % 5 < 2,
    }),
  );
  for (let at = 0; at < SENT; at += 50) await driver.run(...sends.slice(at, at + 50));
  for (let user = 0; user < USERS; user++) {
    await driver.run(login({ user: `u${user}`, device: 'phone', nextTicket: ticketKey(user + 1) }));
    const { head } = await driver.page(`u${user}`);
    await driver.run(cursor(`u${user}`, 'phone', head - (user % 3)));
    await driver.run(login({ user: `u${user}`, device: `tablet-${user}`, deviceType: 'tablet' as never }));
  }
  await driver.run(login({ user: `u${USERS}`, device: 'only' }), revoke('u3', WALL_START_MS + 1000));
  await driver.run(
    login({ user: 'u4', device: 'phone', issuedAtMs: 0, ticket: ticketKey(5), nextTicket: ticketKey(99) }),
  );
}

export interface FilledSource {
  files: Map<string, Buffer>;
  shown: Shown;
}

export async function filledSource(options: Partial<EmbeddedStoreOptions> = {}): Promise<FilledSource> {
  const disk = new FaultDisk();
  const clock = new ManualClock(systemClock.wallMs());
  const driver = await embeddedDriver(
    disk,
    { segmentBytesMax: 16_384, partitions: 16, retention, ...options },
    clock,
  ).open();
  await fill(driver);
  const shown = await shownBy(driver);
  await driver.close();
  return { files: disk.files(), shown };
}

/** A source of which retention has deleted segments, but whose dedupe rows count still. */
export async function sourceWithoutOldSegments(policy: () => RetentionPolicy): Promise<Map<string, Buffer>> {
  const disk = new FaultDisk();
  const clock = new ManualClock(systemClock.wallMs());
  const driver = await embeddedDriver(disk, { segmentBytesMax: 4096, partitions: 16, retention: policy }, clock).open();
  for (let i = 0; i < 200; i++) {
    await driver.run(append({ to: 'bob', id: `m${i}`, text: 'x'.repeat(200) }));
    if (i % 50 === 49) await driver.finish(sleep(driver, 5000));
  }
  await driver.close();
  return disk.files();
}

async function sleep(driver: StoreDriver, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    driver.clock.setTimer(resolve, ms);
  });
}

export interface MigrationWorld {
  readonly ports: readonly number[];
  readonly keyPrefix: string;
}

let worlds = 0;

export function migrationWorld(ports: readonly number[]): MigrationWorld {
  return { ports, keyPrefix: `migration-${worlds++}:` };
}

/** `wrap`: what the migration sees instead of the client. */
export async function runMigration(
  { ports, keyPrefix }: MigrationWorld,
  disk: FaultDisk,
  options: Partial<MigrationOptions> = {},
  wrap: (client: RedisClient) => RedisClient = (client) => client,
): Promise<MigrationResult> {
  const servers = ports.map((port) => ({ host: '127.0.0.1', port }));
  const { client } = makeRedisStore(servers, {}, { scripts: [...STORE_SCRIPTS, ...MIGRATION_SCRIPTS] });
  try {
    await client.connect();
    return await migrate({
      clock: systemClock,
      disk,
      client: wrap(client),
      keyPrefix,
      retention,
      dedupeWindowMs: 48 * 3_600_000,
      allowVolatile: false,
      dryRun: false,
      forgetHashed: false,
      progress: () => undefined,
      ...options,
    });
  } finally {
    client.close();
  }
}

/** The migrated store, as a logic opens it. */
export async function openedTarget({ ports, keyPrefix }: MigrationWorld): Promise<StoreDriver> {
  const servers = ports.map((port) => ({ host: '127.0.0.1', port }));
  const clock = new ManualClock(systemClock.wallMs());
  letSocketsWork(clock);
  const { store } = makeRedisStore(
    servers,
    { clock, keyPrefix, retention, leaseMs: 3_000_000 },
    { openTimeoutMs: 60_000 },
  );
  return new StoreDriver(store, clock).open();
}
