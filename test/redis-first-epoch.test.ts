/** A partition that Redis has forgotten begins with an epoch of the moment it is taken (G5). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Epoch, PartitionNumber } from '../src/model/ids.ts';
import type { RedisArgument, RedisClient, RedisScript, ScriptAnswer } from '../src/store/redis/client.ts';
import { ACQUIRE, ANNOUNCE } from '../src/store/redis/fence-scripts.ts';
import { StoreKeys } from '../src/store/redis/keys.ts';
import { Leases } from '../src/store/redis/leases.ts';
import { ManualClock } from './support/manual-clock.ts';

const NAME = 'logic';
const FIRST_EPOCH_AT = 4;

test('the first epoch is that of the taking, not of the start of the process', async () => {
  const clock = new ManualClock();
  const asked: number[] = [];
  const run = async (script: RedisScript, _keys: readonly string[], args: readonly RedisArgument[]) => {
    const answer: ScriptAnswer = { reply: [], replicas: 0 };
    if (script === ANNOUNCE) return { ...answer, reply: [NAME] };
    assert.equal(script, ACQUIRE);
    asked.push(Number(args[FIRST_EPOCH_AT]));
    // Somebody else's lease is in the way.
    return { ...answer, reply: [0, 1000] };
  };
  const client = { run, serverOf: () => undefined } as unknown as RedisClient;
  const host = {
    tenureOf: () => undefined,
    acquired: () => assert.fail('nothing is free'),
    letGo: async (_partition: PartitionNumber) => {},
    suspect: () => {},
    lapsed: () => {},
    settled: () => {},
  };
  const firstEpoch = (): Epoch => Math.floor(clock.monotonicMs() / 1000) as Epoch;
  const keys = new StoreKeys('sluice:');
  const options = {
    clock,
    client,
    keys,
    partitions: 1,
    name: NAME,
    leaseMs: 3000,
    firstEpoch,
    canLose: false,
    remembers: () => false,
  };
  const leases = new Leases(options, host);
  await leases.start();
  await clock.advanceAsync(5000);
  leases.cancel();
  assert.equal(asked[0], 0);
  assert.ok((asked.at(-1) as number) >= 4, `asked with ${asked.join(' ')}`);
});
