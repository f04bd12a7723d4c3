import { after, before, describe } from 'node:test';
import type { RedisStoreOptions } from '../src/store/redis/redis-store-options.ts';
import { deviceContract } from './support/device-contract.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { letSocketsWork, makeRedisStore } from './support/redis-maker.ts';
import { RedisTestServer } from './support/redis-server.ts';
import { type StoreMaker, storeContract } from './support/store-contract.ts';

let stores = 0;

/** Nothing in this process's memory; so little that most of it goes at once; more than any test needs. */
const CACHES: Readonly<Record<string, Pick<RedisStoreOptions, 'cacheUsersMax' | 'cacheMessageBytes'>>> = {
  'no cache': { cacheUsersMax: 0 },
  'a small cache': { cacheUsersMax: 2, cacheMessageBytes: 4096 },
  'a cache': {},
};

function makerOn(ports: () => readonly number[], partitions: number, cache = 'a cache'): StoreMaker {
  return ({ clock, retention, queueOperationsMax }) => {
    letSocketsWork(clock);
    const keyPrefix = `contract-${stores++}:`;
    const servers = ports().map((port) => ({ host: '127.0.0.1', port }));
    const settings = { clock, retention: () => retention, queueOperationsMax, partitions, keyPrefix, ...CACHES[cache] };
    return () => makeRedisStore(servers, { ...settings, leaseMs: 3_000_000 }, { openTimeoutMs: 60_000 }).store;
  };
}

for (const [partitions, cache] of [
  [1, 'a cache'],
  [1, 'a small cache'],
  [16, 'no cache'],
] as const) {
  describe(`one server, ${partitions} partitions, ${cache}`, () => {
    let server: RedisTestServer;
    before(async () => {
      server = await RedisTestServer.start();
    });
    after(() => server.stop());
    const maker = makerOn(() => [server.port], partitions, cache);
    storeContract('Redis store', maker);
    deviceContract('Redis store', maker);
  });
}

describe('a cluster of three primaries and three replicas', () => {
  let cluster: RedisTestCluster;
  before(async () => {
    cluster = await RedisTestCluster.start();
  });
  after(() => cluster.stop());
  const maker = makerOn(() => cluster.members.map((member) => member.port), 16);
  storeContract('Redis store', maker);
  deviceContract('Redis store', maker);
});
