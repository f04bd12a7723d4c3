/** Puts logic and its store together. */
import { join } from 'node:path';
import { delay } from '../clock/clock.ts';
import { randomHex } from '../clock/random.ts';
import type { Config } from '../config/config.ts';
import { PiscinaSignaturePool } from '../logic/authentication/signature-pool.ts';
import { TokenVerifier } from '../logic/authentication/token-verifier.ts';
import { Logic } from '../logic/logic.ts';
import { durabilityLevel } from '../model/durability.ts';
import type { AppId } from '../model/ids.ts';
import { NodeTransport } from '../net/node-transport.ts';
import { EmbeddedStore } from '../store/embedded/embedded-store.ts';
import { NodeDisk } from '../store/embedded/node-disk.ts';
import { type RetentionPolicy, StoreOpenError } from '../store/store.ts';
import { logicMetrics } from './logic-metrics.ts';
import { type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';

const BOOT_ID_BYTES = 8;
/** A stop that takes longer is cut off: what is not committed then was never acknowledged. */
const STOP_MS_MAX = 1000;

export async function startLogic(context: RoleContext): Promise<RunningRole> {
  const { clock, random, log, metrics, start } = context;
  const { config, dataDirectory, trunkPath } = start;
  const verifier = new TokenVerifier(config.apps, clock, new PiscinaSignaturePool());
  const store = openableStore(context, join(dataDirectory, 'store'));
  const logic = new Logic({
    store,
    backup: (directory) => store.backup(new NodeDisk(directory)),
    clock,
    random,
    log,
    verifier,
    limits: { ...config.logic, windowMessages: config.gate.windowMessages, windowBytes: config.gate.windowBytes },
    loginLimits: config.limits,
    apps: config.apps,
    bootId: randomHex(random, BOOT_ID_BYTES),
    transport: new NodeTransport(),
    address: { path: trunkPath },
    times: config.trunk,
    onFatal: () => {
      // The links end at once, so that the gates can tell their clients; then a fresh process reopens the store.
      clock.defer(() => process.exit(1));
    },
  });
  logicMetrics(metrics, logic);
  await logic.start().catch((error: unknown) => {
    throw error instanceof StoreOpenError ? new RoleStartError(error.message) : error;
  });
  const stop = async (): Promise<void> => {
    const ended = logic.stop().then(() => verifier.close());
    await Promise.race([ended, delay(clock, STOP_MS_MAX)]);
  };
  return { port: 0, stop, orphaned: () => Promise.resolve() };
}

function openableStore({ clock, random, start }: RoleContext, directory: string): EmbeddedStore {
  const { store } = start.config;
  return new EmbeddedStore({
    disk: new NodeDisk(directory),
    clock,
    random,
    durability: durabilityLevel(store.durability),
    retention: retentionByApp(start.config),
    partitions: store.partitions,
    dedupeWindowMs: store.dedupeWindowMs,
    segmentBytesMax: store.segmentBytes,
  });
}

function retentionByApp(config: Config): (app: AppId) => RetentionPolicy {
  const { retentionAgeMs, retentionCount } = config.store;
  const usual = { ageMs: retentionAgeMs, countMax: retentionCount };
  const policies = new Map<string, RetentionPolicy>();
  for (const app of config.apps) policies.set(app.id, { ageMs: app.retentionAgeMs, countMax: app.retentionCount });
  return (app) => policies.get(app) ?? usual;
}
