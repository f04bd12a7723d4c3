/** Who owns what, from claims that come in any order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AppId } from '../src/model/ids.ts';
import { partitionOf, partitionOfBytes, partitionSeed } from '../src/model/partition.ts';
import { PartitionRoutes } from '../src/trunk/partition-routes.ts';

function routes(partitions = 4): PartitionRoutes<string> {
  const made = new PartitionRoutes<string>();
  made.reset(partitions);
  return made;
}

const owned = (...pairs: [partition: number, ownerEpoch: number][]) =>
  pairs.map(([partition, ownerEpoch]) => ({ partition, ownerEpoch }));

test('a partition goes to whoever claims it with the highest owner epoch, whatever the order', () => {
  const made = routes();
  assert.deepEqual(made.announce('a', owned([0, 5], [1, 5])), [0, 1]);
  assert.deepEqual(made.announce('b', owned([1, 6], [2, 6])), [1, 2]);
  assert.deepEqual(
    [0, 1, 2, 3].map((partition) => made.linkOf(partition)),
    ['a', 'b', 'b', undefined],
  );
  assert.deepEqual(made.announce('c', owned([1, 4])), []);
  assert.equal(made.linkOf(1), 'b');
  assert.equal(made.routed, 3);
});

test('a past owner does not get a partition back when the present one goes', () => {
  const made = routes();
  made.announce('frozen', owned([0, 5]));
  made.announce('next', owned([0, 6]));
  assert.deepEqual(made.remove('next'), [0]);
  assert.equal(made.linkOf(0), undefined);
  assert.deepEqual(made.announce('frozen', owned([0, 5], [1, 5])), [1]);
  assert.equal(made.linkOf(0), undefined);
  assert.deepEqual(made.announce('frozen', owned([0, 7])), [0, 1]);
  assert.equal(made.linkOf(0), 'frozen');
});

test('the same owner in a new time is a change: its sessions are not there any more', () => {
  const made = routes();
  made.announce('a', owned([0, 5]));
  assert.deepEqual(made.announce('a', owned([0, 5])), []);
  assert.deepEqual(made.announce('a', owned([0, 9])), [0]);
  assert.deepEqual(made.announce('a', owned()), [0]);
  assert.equal(made.routed, 0);
});

test('a new link with the epoch of one that is gone takes over: the one logic of a machine, started again', () => {
  const made = routes();
  made.announce('before', owned([0, 1], [1, 1]));
  assert.deepEqual(made.remove('before'), [0, 1]);
  assert.deepEqual(made.announce('after', owned([0, 1], [1, 1])), [0, 1]);
  assert.equal(made.linkOf(1), 'after');
});

test('a partition that does not exist is left out', () => {
  const made = routes(2);
  assert.deepEqual(made.announce('a', owned([1, 1], [2, 1], [0xffffffff, 1])), [1]);
});

test('any run of claims agrees with the highest epoch ever seen', () => {
  const step = fc.record({
    link: fc.constantFrom('a', 'b', 'c'),
    claims: fc.option(fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 9 })), { maxLength: 4 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const made = routes();
      const claimed = new Map<string, Map<number, number>>();
      const highest = [0, 0, 0, 0];
      for (const { link, claims } of steps) {
        const before = [0, 1, 2, 3].map((partition) => made.linkOf(partition));
        const changed = claims === null ? made.remove(link) : made.announce(link, owned(...claims));
        claimed.set(link, new Map(claims ?? []));
        for (let partition = 0; partition < 4; partition++) {
          const epochs = [...claimed.values()].map((mine) => mine.get(partition) ?? 0);
          highest[partition] = Math.max(highest[partition] as number, ...epochs);
          const owner = made.linkOf(partition);
          if (owner === undefined)
            assert.ok(highest[partition] === 0 || !epochs.includes(highest[partition] as number));
          else assert.equal(claimed.get(owner)?.get(partition), highest[partition]);
          if (owner !== before[partition]) assert.ok(changed.includes(partition));
        }
      }
    }),
  );
});

test('the partition of a target is the same from its bytes as from its text', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9._:@-]{1,64}$/), fc.stringMatching(/^[a-z]{1,9}$/), (id, app) => {
      const bytes = Buffer.from(`..${id}..`);
      const fromBytes = partitionOfBytes(partitionSeed(app), bytes, 2, bytes.length - 2, 64);
      assert.equal(fromBytes, partitionOf(app as AppId, id, 64));
    }),
  );
});
