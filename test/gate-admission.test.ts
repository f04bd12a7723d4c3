/** Who gets a connection: T9, and full workers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressLimits } from '../src/gate/address-limits.ts';
import { AddressBlock, accountOf } from '../src/net/address-block.ts';
import { GateWorld } from './support/gate-world.ts';
import type { ScriptedClient } from './support/scripted-client.ts';

const ELSEWHERE = '198.51.100.7';

function dialMany(world: GateWorld, count: number, address = '203.0.113.1'): (string | undefined)[] {
  const clients: ScriptedClient[] = Array.from({ length: count }, () => world.dial(address));
  return clients.map((client) => client.closeReason);
}

const refused = (reasons: readonly (string | undefined)[]): number =>
  reasons.filter((reason) => reason !== undefined).length;

for (const [title, connections] of [
  ['max − 1', 199],
  ['max', 200],
  ['max + 1', 201],
] as const) {
  test(`T9: ${title} connections from one address; another address is not affected`, async () => {
    const world = await GateWorld.start({ addressConnectionsMax: 200 });
    const reasons = dialMany(world, connections);
    assert.equal(refused(reasons), Math.max(0, connections - 200));
    if (connections > 200) assert.equal(reasons.at(-1), 'RATE_LIMITED');
    assert.equal(world.dial(ELSEWHERE).closeReason, undefined);
    assert.equal(world.gate.counters.refusedAddress, Math.max(0, connections - 200));
  });

  test(`CONNECTIONS_MAX: ${title} connections of a worker`, async () => {
    const world = await GateWorld.start({ connectionsMax: 200 });
    const reasons = dialMany(world, connections);
    assert.deepEqual(
      reasons.filter((reason) => reason !== undefined),
      connections > 200 ? ['CONNECTIONS_MAX'] : [],
    );
    assert.equal(world.gate.counters.refusedFull, Math.max(0, connections - 200));
  });
}

for (const [title, attempts] of [
  ['max − 1', 49],
  ['max', 50],
  ['max + 1', 51],
] as const) {
  test(`T9: ${title} new connections in one instant from one address`, async () => {
    const world = await GateWorld.start({ addressConnectsPerSecondMax: 50 });
    const reasons = dialMany(world, attempts);
    assert.equal(refused(reasons), Math.max(0, attempts - 50));
    assert.equal(world.dial(ELSEWHERE).closeReason, undefined);
    world.advance(1000);
    assert.equal(refused(dialMany(world, 50)), 0);
  });

  test(`T9: ${title} accepts of a worker beyond its burst are BUSY, whoever asks`, async () => {
    const world = await GateWorld.start({ acceptsPerSecondMax: 10, acceptsBurst: 50 });
    const reasons = Array.from({ length: attempts }, (_, index) => world.dial(`203.0.113.${index}`).closeReason);
    assert.deepEqual(
      reasons.filter((reason) => reason !== undefined),
      attempts > 50 ? ['BUSY'] : [],
    );
    world.advance(100);
    assert.equal(world.dial(ELSEWHERE).closeReason, undefined);
    assert.equal(world.gate.counters.refusedRate, Math.max(0, attempts - 50));
  });
}

test('T9: one address that opens 5000 keeps 200, and a second address gets in at any moment', async () => {
  const world = await GateWorld.start({
    addressConnectionsMax: 200,
    addressConnectsPerSecondMax: 50,
    acceptsPerSecondMax: 500,
    acceptsBurst: 1000,
    loginTimeoutMs: 60_000,
  });
  for (let tenth = 0; tenth < 100; tenth++) {
    dialMany(world, 50);
    assert.equal(world.dial(`198.51.100.${tenth}`).closeReason, undefined);
    world.advance(100);
  }
  assert.equal(world.gate.counters.refusedAddress, 5000 - 200);
  assert.equal(world.gate.connections, 200 + 100);
});

test('T9: an address gets its place back when a connection ends', async () => {
  const world = await GateWorld.start({ addressConnectionsMax: 1 });
  const first = world.dial('203.0.113.1');
  assert.equal(world.dial('203.0.113.1').closeReason, 'RATE_LIMITED');
  first.stream.destroy();
  world.settle();
  assert.equal(world.dial('203.0.113.1').closeReason, undefined);
});

test('T9: exempt blocks have no limit', async () => {
  const world = await GateWorld.start({ addressConnectionsMax: 1, addressExempt: ['10.0.0.0/8', '2001:db8::/32'] });
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8:1::1']) {
    assert.equal(refused(dialMany(world, 3, address)), 0, address);
  }
  assert.equal(refused(dialMany(world, 3, '11.1.2.3')), 2);
});

test('T9: an IPv6 /64 counts as one address, a mapped IPv4 address as itself', async () => {
  const world = await GateWorld.start({ addressConnectionsMax: 1 });
  assert.equal(world.dial('2001:db8:0:1::1').closeReason, undefined);
  assert.equal(world.dial('2001:db8:0:1:ffff::2').closeReason, 'RATE_LIMITED');
  assert.equal(world.dial('2001:db8:0:2::1').closeReason, undefined);
  assert.equal(world.dial('::ffff:203.0.113.1').closeReason, undefined);
  assert.equal(world.dial('203.0.113.1').closeReason, 'RATE_LIMITED');
});

for (const [strangers, title, share] of [
  [9, 'below preLoginDropFrom nobody is dropped', 0],
  [10, 'at preLoginDropFrom the configured share is dropped', 0.3],
  [20, 'half-way the share has grown by half', 0.65],
  [29, 'at preLoginMax − 1 nearly everyone is', 0.965],
  [30, 'at preLoginMax everyone is dropped', 1],
] as const) {
  test(`T9: ${title}`, async () => {
    const world = await GateWorld.start({ preLoginDropFrom: 10, preLoginDropPercent: 30, preLoginMax: 30 });
    let busy = 0;
    while (world.gate.preLoginConnections < strangers) world.dial();
    const rounds = 1000;
    for (let round = 0; round < rounds; round++) {
      const client = world.dial();
      if (client.closeReason === 'BUSY') busy++;
      client.stream.destroy();
      world.settle();
    }
    assert.ok(Math.abs(busy / rounds - share) < 0.05, `${busy}`);
    assert.equal(world.gate.preLoginConnections, strangers);
  });
}

test('T9: who has logged in is no stranger', async () => {
  const world = await GateWorld.start({ preLoginMax: 2 });
  for (let index = 0; index < 10; index++) world.login(`user${index}`);
  assert.equal(world.gate.preLoginConnections, 0);
  assert.equal(world.gate.connections, 10);
});

test('libuv#690: refused connections whose peers stay are cut, so that they hold no descriptor', async () => {
  const world = await GateWorld.start({ connectionsMax: 1 });
  world.dial();
  const stuck = Array.from({ length: 20 }, () => world.dial());
  for (const client of stuck) client.link.setSilent(true);
  const silent = world.dial();
  silent.link.setSilent(true);
  world.advance(2200);
  assert.ok(stuck.every((client) => client.link.accepted.closed));
  assert.ok(silent.link.accepted.closed);
});

test('an address block matches the addresses in it and no others', () => {
  for (const [cidr, inside, outside] of [
    ['0.0.0.0/0', ['1.2.3.4'], ['::1']],
    ['10.0.0.0/8', ['10.255.255.255', '::ffff:10.0.0.1'], ['11.0.0.0', '9.255.255.255']],
    ['192.168.4.0/22', ['192.168.7.255', '192.168.4.0'], ['192.168.8.0', '192.168.3.255']],
    ['203.0.113.7', ['203.0.113.7'], ['203.0.113.6']],
    ['203.0.113.7/32', ['203.0.113.7'], ['203.0.113.6']],
    ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::', '2001:db9::', '203.0.113.7']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2', '1::1']],
    ['::/0', ['fe80::1%eth0'], ['1.2.3.4', '::ffff:1.2.3.4']],
  ] as const) {
    const block = new AddressBlock(cidr);
    for (const address of inside) assert.equal(block.has(address), true, `${address} in ${cidr}`);
    for (const address of outside) assert.equal(block.has(address), false, `${address} not in ${cidr}`);
  }
  assert.equal(accountOf('2001:db8::7:1'), accountOf('2001:0db8:0:0:ffff::2'));
  assert.notEqual(accountOf('2001:db8:0:1::'), accountOf('2001:db8:0:2::'));
});

test('addresses without connections are forgotten once their rate is at rest', () => {
  const limits = new AddressLimits({ addressConnectionsMax: 5, addressConnectsPerSecondMax: 10, addressExempt: [] });
  assert.ok(limits.admit('203.0.113.1', 0));
  limits.entered(7, '203.0.113.1');
  assert.ok(limits.admit('203.0.113.2', 0));
  limits.sweep(50);
  assert.equal(limits.addresses, 2);
  limits.sweep(200);
  assert.equal(limits.addresses, 1);
  limits.left(7);
  limits.left(7);
  limits.left(8);
  limits.sweep(200);
  assert.equal(limits.addresses, 0);
});
