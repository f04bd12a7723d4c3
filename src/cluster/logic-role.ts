/** Puts logic and its store together: files of this machine, or Redis. */
import { join } from 'node:path';
import type { StreamHost } from '../bus/entry-handler.ts';
import { BUS_SCRIPTS } from '../bus/stream-scripts.ts';
import { delay } from '../clock/clock.ts';
import { randomHex } from '../clock/random.ts';
import { PiscinaSignaturePool } from '../logic/authentication/signature-pool.ts';
import { TokenVerifier } from '../logic/authentication/token-verifier.ts';
import type { MakeBackup } from '../logic/backups.ts';
import { Logic } from '../logic/logic.ts';
import { durabilityLevel, durabilityName } from '../model/durability.ts';
import { EmbeddedStore } from '../store/embedded/embedded-store.ts';
import { NodeDisk } from '../store/embedded/node-disk.ts';
import type { OwnershipEvents } from '../store/redis/ownership.ts';
import { STORE_SCRIPTS } from '../store/redis/scripts.ts';
import { type Store, type StoreInfo, StoreOpenError } from '../store/store.ts';
import { announceLogic } from './logic-announcement.ts';
import { logicMetrics } from './logic-metrics.ts';
import { retentionByApp } from './retention-by-app.ts';
import { RunDirectory } from './run-directory.ts';
import { type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';
import { listenAddresses, trunkAccess, trunkTransport } from './trunk-ends.ts';

const BOOT_ID_BYTES = 8;
/** A stop that takes longer is cut off: what is not committed then was never acknowledged. */
const STOP_MS_MAX = 1000;
const STORE_CLOSE_MS_MAX = 700;

export async function startLogic(context: RoleContext): Promise<RunningRole> {
  const { clock, random, log, metrics, start } = context;
  const { config, trunkPath } = start;
  const verifier = new TokenVerifier(config.apps, clock, new PiscinaSignaturePool());
  const { store, backup, name, started, stopping } =
    config.store.engine === 'redis' ? await onRedis(context, () => logic) : onDisk(context);
  const bootId = randomHex(random, BOOT_ID_BYTES);
  const logic: Logic = new Logic({
    store,
    ...(backup === undefined ? {} : { backup }),
    clock,
    random,
    log,
    verifier,
    limits: { ...config.logic, windowMessages: config.gate.windowMessages, windowBytes: config.gate.windowBytes },
    loginLimits: config.limits,
    apps: config.apps,
    bootId,
    transport: trunkTransport(config),
    addresses: listenAddresses(config, trunkPath),
    times: config.trunk,
    trunkAccess: trunkAccess(context),
    onFatal: () => {
      // The links end at once, so that the gates can tell their clients; then a fresh process reopens the store.
      clock.defer(() => process.exit(1));
    },
  });
  logicMetrics(metrics, logic);
  const info = await logic.start().catch((error: unknown) => {
    throw error instanceof StoreOpenError ? new RoleStartError(error.message) : error;
  });
  tellStore(context, info);
  started?.(logic, info);
  const withdraw = name === undefined ? undefined : await announceLogic(context, name, bootId);
  const stop = async (): Promise<void> => {
    stopping?.();
    const ended = logic.stop().then(() => verifier.close());
    await Promise.race([ended, delay(clock, STOP_MS_MAX)]);
    await withdraw?.();
  };
  return { port: 0, stop, orphaned: () => Promise.resolve() };
}

interface StoreChoice {
  readonly store: Store;
  readonly backup?: MakeBackup;
  /** What works on the store beside logic. */
  readonly started?: (host: StreamHost, info: StoreInfo) => void;
  readonly stopping?: () => void;
  /** Among the logics that share the store. */
  readonly name?: string;
}

function onDisk({ clock, random, start }: RoleContext): StoreChoice {
  const { durability, partitions, dedupeWindowMs, segmentBytes, commitIntervalMs } = start.config.store;
  const store = new EmbeddedStore({
    disk: new NodeDisk(join(start.dataDirectory, 'store')),
    clock,
    random,
    durability: durabilityLevel(durability),
    retention: retentionByApp(start.config),
    partitions,
    dedupeWindowMs,
    segmentBytesMax: segmentBytes,
    commitIntervalMs,
  });
  return { store, backup: (directory) => store.backup(new NodeDisk(directory)) };
}

/** @param logic is there when the store is opened */
async function onRedis(context: RoleContext, logic: () => Logic): Promise<StoreChoice> {
  const { redisClient, redisMetrics, redisStore } = await import('./redis-engine.ts');
  const { logicBus } = await import('./redis-bus.ts');
  const { index, random, metrics, start } = context;
  const name = new RunDirectory(start.dataDirectory).logicName(index, random);
  const client = redisClient(context, [...STORE_SCRIPTS, ...BUS_SCRIPTS]);
  const { streams, copies, events } = logicBus(context, client, ownershipEvents(logic));
  const store = redisStore(context, client, name, events, STORE_CLOSE_MS_MAX);
  redisMetrics(metrics, store, start.config);
  return {
    store,
    name,
    started: (host, { partitions }) => streams.start({ store, host, partitions }),
    stopping: () => {
      streams.stop();
      copies.stop();
    },
  };
}

/** What the logic hears of the store's partitions. */
function ownershipEvents(logic: () => Logic): OwnershipEvents {
  return {
    acquired: (partition, ownerEpoch) => logic().ownership.acquired(partition, ownerEpoch),
    leaving: (partition) => logic().cursors.flush(partition),
    lost: (partition, unknown) => logic().lost(partition, unknown),
    epochChanged: (partition, epoch, { operations }) => logic().ownership.epochChanged(partition, epoch, operations),
    copyElsewhere: () => false,
  };
}

/** What a message is worth once it is acknowledged: the operator must not have to guess. */
function tellStore({ log, metrics, start }: RoleContext, info: StoreInfo): void {
  const { store, redis } = start.config;
  const level = durabilityName(info.durability);
  const replicas = info.shared === true ? redis.replicas : 0;
  const { storeId, partitions, descriptions: servers } = info;
  log.info({ engine: store.engine, storeId, partitions, durability: level, replicas, servers }, 'the store is open');
  metrics.labelledGaugeFrom('sluice_store_durability', 'Logics by the level of their store.', 'level', () => [
    [level, 1],
  ]);
}
