import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionState, ConnectionTable } from '../src/gate/connection-table.ts';
import { FakeStream } from './support/fake-stream.ts';

function slotsOfUser(table: ConnectionTable, app: string, uid: string): number[] {
  const slots: number[] = [];
  table.forEachOfUser(app, uid, (slot) => slots.push(slot));
  return slots.sort((a, b) => a - b);
}

for (const [name, connections] of [
  ['max − 1', 4],
  ['max', 5],
  ['max + 1', 6],
] as const) {
  test(`${name} connections: slots up to connectionsMax, −1 beyond`, () => {
    const table = new ConnectionTable({ connectionsMax: 5, initialCapacity: 1 });
    const slots = Array.from({ length: connections }, () => table.acquire());
    assert.deepEqual(slots, [0, 1, 2, 3, 4, -1].slice(0, connections));
    assert.equal(table.size, Math.min(5, connections));
    assert.ok(table.capacity <= 5);
    table.release(2);
    assert.equal(table.acquire(), 2);
  });
}

test('a slot that is used again has clean columns and a higher serial', () => {
  const table = new ConnectionTable({ connectionsMax: 1 });
  const slot = table.acquire();
  const serial = table.serial[slot] as number;
  table.streams[slot] = new FakeStream();
  table.identify(slot, 'demo', 'alice', 'phone', 'd1');
  const columns = [
    'flags',
    'protocolErrors',
    'epoch',
    'loggedInAtS',
    'lastSeenMs',
    'generation',
    'headSeq',
    'pushedSeq',
    'ackedSeq',
  ] as const;
  for (const column of columns) table[column][slot] = 77;
  assert.ok(table.isCurrent(slot, serial));
  table.release(slot);
  assert.equal(table.isCurrent(slot, serial), false);
  assert.equal(table.acquire(), slot);
  assert.equal(table.serial[slot], serial + 1);
  assert.equal(table.isCurrent(slot, serial), false);
  for (const column of columns) assert.equal(table[column][slot], 0, column);
  assert.equal(table.streams[slot], undefined);
  assert.throws(() => table.identity(slot), /no identity/);
  assert.deepEqual(slotsOfUser(table, 'demo', 'alice'), []);
});

test('exactly the listed transitions are legal', () => {
  const { Closed, Fresh, LoggingIn, Ready, Closing } = ConnectionState;
  const legal = new Set([
    `${Closed}>${Fresh}`,
    `${Fresh}>${LoggingIn}`,
    `${LoggingIn}>${Ready}`,
    ...[Fresh, LoggingIn, Ready].map((from) => `${from}>${Closing}`),
    ...[Fresh, LoggingIn, Ready, Closing].map((from) => `${from}>${Closed}`),
  ]);
  const table = new ConnectionTable({ connectionsMax: 1 });
  for (const from of Object.values(ConnectionState)) {
    for (const to of Object.values(ConnectionState)) {
      table.state[0] = from;
      if (legal.has(`${from}>${to}`)) table.transition(0, to);
      else assert.throws(() => table.transition(0, to), /illegal transition/, `${from} to ${to}`);
    }
  }
});

test('releasing a slot twice is refused', () => {
  const table = new ConnectionTable({ connectionsMax: 2 });
  table.release(table.acquire());
  assert.throws(() => table.release(0), /illegal transition/);
  assert.throws(() => table.release(9), /illegal transition/);
  assert.throws(() => table.identify(0, 'demo', 'alice', 'phone', 'd1'), /not in use/);
});

test('T11: a user of one app is not found under another app, nor under a name that only joins to the same letters', () => {
  const table = new ConnectionTable({ connectionsMax: 8 });
  table.identify(table.acquire(), 'ab', 'c', 'phone', 'd');
  table.identify(table.acquire(), 'a', 'bc', 'phone', 'd');
  table.identify(table.acquire(), 'ab', 'cd', 'phone', 'd');
  assert.deepEqual(slotsOfUser(table, 'ab', 'c'), [0]);
  assert.deepEqual(slotsOfUser(table, 'a', 'bc'), [1]);
  assert.deepEqual(slotsOfUser(table, 'ab', 'cd'), [2]);
  assert.deepEqual(slotsOfUser(table, 'other', 'c'), []);
  assert.deepEqual(table.identity(1), { app: 'a', uid: 'bc', deviceType: 'phone', deviceId: 'd' });
});

test('names with one hash share a chain and are told apart', () => {
  const table = new ConnectionTable({ connectionsMax: 300, initialCapacity: 2 });
  for (let user = 0; user < 300; user += 1) table.identify(table.acquire(), 'demo', `u${user}`, 'phone', 'd');
  for (let user = 0; user < 300; user += 1) assert.deepEqual(slotsOfUser(table, 'demo', `u${user}`), [user]);
});

test('a visitor may release every connection of the user, itself included', () => {
  const table = new ConnectionTable({ connectionsMax: 8 });
  for (let device = 0; device < 4; device += 1) table.identify(table.acquire(), 'demo', 'alice', 'phone', `d${device}`);
  let visits = 0;
  table.forEachOfUser('demo', 'alice', () => {
    visits += 1;
    for (let slot = 0; slot < 4; slot += 1) if (table.state[slot] !== ConnectionState.Closed) table.release(slot);
  });
  assert.equal(visits, 1);
  assert.equal(table.size, 0);
});

test('a traversal in portions visits everyone who stays exactly once while others come and go', () => {
  const table = new ConnectionTable({ connectionsMax: 1_000, initialCapacity: 4 });
  for (let index = 0; index < 100; index += 1) table.acquire();
  const visited: number[] = [];
  let next = 0;
  let calls = 0;
  while (next >= 0) {
    next = table.forEach(
      (slot) => {
        visited.push(slot);
        if (slot % 2 === 0) table.release(slot);
      },
      next,
      7,
    );
    calls += 1;
    table.acquire();
    assert.ok(calls <= 100);
  }
  const stayed = visited.filter((slot) => slot % 2 === 1 && slot < 100);
  assert.deepEqual(
    stayed,
    Array.from({ length: 50 }, (_, index) => 2 * index + 1),
  );
  assert.equal(new Set(visited).size, visited.length);
});

interface Known {
  readonly serial: number;
  readonly user: string | undefined;
}

const stepArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'acquire' as const, pick: 0, user: 0 }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat(), user: fc.constant(0) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('identify' as const), pick: fc.nat(), user: fc.nat(5) }) },
);

test('any run of acquire, release and identify agrees with a plain map', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(stepArbitrary, { maxLength: 150 }),
      (connectionsMax, steps) => {
        const table = new ConnectionTable({ connectionsMax, initialCapacity: 1 });
        const model = new Map<number, Known>();
        const serials = new Set<string>();
        for (const { kind, pick, user } of steps) {
          const slot = [...model.keys()][pick % Math.max(1, model.size)];
          if (kind === 'acquire') {
            const acquired = table.acquire();
            assert.equal(acquired === -1, model.size === connectionsMax);
            if (acquired < 0) continue;
            assert.ok(!model.has(acquired) && !serials.has(`${acquired}/${table.serial[acquired]}`));
            serials.add(`${acquired}/${table.serial[acquired]}`);
            model.set(acquired, { serial: table.serial[acquired] as number, user: undefined });
          } else if (slot !== undefined && kind === 'release') {
            table.release(slot);
            model.delete(slot);
          } else if (slot !== undefined) {
            table.identify(slot, 'demo', `u${user}`, 'phone', `d${slot}`);
            model.set(slot, { serial: (model.get(slot) as Known).serial, user: `u${user}` });
          }
          assertSame(table, model);
        }
      },
    ),
    { numRuns: 300, seed: 20_240_101 },
  );
});

function assertSame(table: ConnectionTable, model: ReadonlyMap<number, Known>): void {
  const inOrder = [...model.keys()].sort((a, b) => a - b);
  const visited: number[] = [];
  const visit = (slot: number): void => {
    visited.push(slot);
  };
  assert.equal(table.forEach(visit), -1);
  assert.deepEqual(visited, inOrder);
  assert.equal(table.size, model.size);
  for (const [slot, { serial }] of model) assert.ok(table.isCurrent(slot, serial));
  for (let user = 0; user <= 5; user += 1) {
    const expected = inOrder.filter((slot) => model.get(slot)?.user === `u${user}`);
    assert.deepEqual(slotsOfUser(table, 'demo', `u${user}`), expected);
  }
}
