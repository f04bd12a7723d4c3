import { after, before, describe } from 'node:test';
import { deviceContract } from './support/device-contract.ts';
import { RedisTestCluster } from './support/redis-cluster.ts';
import { letSocketsWork, makeRedisStore } from './support/redis-maker.ts';
import { RedisTestServer } from './support/redis-server.ts';
import { type StoreMaker, storeContract } from './support/store-contract.ts';

let stores = 0;

function makerOn(ports: () => readonly number[], partitions: number): StoreMaker {
  return ({ clock, retention, queueOperationsMax }) => {
    letSocketsWork(clock);
    const keyPrefix = `contract-${stores++}:`;
    const servers = ports().map((port) => ({ host: '127.0.0.1', port }));
    const settings = { clock, retention: () => retention, queueOperationsMax, partitions, keyPrefix };
    return () => makeRedisStore(servers, { ...settings, leaseMs: 3_000_000 }, { openTimeoutMs: 60_000 }).store;
  };
}

for (const partitions of [1, 16]) {
  describe(`one server, ${partitions} partitions`, () => {
    let server: RedisTestServer;
    before(async () => {
      server = await RedisTestServer.start();
    });
    after(() => server.stop());
    const maker = makerOn(() => [server.port], partitions);
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
