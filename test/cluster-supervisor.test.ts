import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Supervisor, SupervisorError } from '../src/cluster/supervisor.ts';
import type { ProcessCounts } from '../src/cluster/system-part.ts';
import type { Config } from '../src/config/config.ts';
import { type FakeChild, FakeChildren } from './support/fake-children.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type TestLogger, testLogger } from './support/test-logger.ts';

const GATE_PORT = 7400;
const API_PORT = 7480;
const SYSTEM = { logic: 1, api: 1, admin: 0 } as const;

describe('the supervisor', () => {
  let clock: ManualClock;
  let children: FakeChildren;
  let log: TestLogger;
  let gaveUp: string[];
  let drains: number;
  let supervisor: Supervisor;

  function makeSupervisor(gates: number, others: Omit<ProcessCounts, 'gate'> = SYSTEM, silenceMs = 5000): Supervisor {
    return new Supervisor({
      clock,
      log,
      spawn: children.spawn,
      processes: { gate: gates, ...others },
      start: {
        config: {} as Config,
        part: 'all',
        dataDirectory: '/data',
        trunkPath: '/data/run/trunk.sock',
        gatePort: GATE_PORT,
        httpPort: 0,
      },
      silenceMs,
      stopGraceMs: { gate: 5000, api: 2000, admin: 2000, logic: 3000 },
      ownMetrics: async () => [],
      onGiveUp: (reason) => gaveUp.push(reason),
      onDrain: () => {
        drains += 1;
      },
    });
  }

  /** Every process is ready at once, and every living one sends heartbeats, unless a test says otherwise. */
  function readyAtBirth(child: FakeChild): void {
    clock.defer(() => {
      child.say({ type: 'heartbeat', linked: true });
      child.say({ type: 'ready', port: /^(?:api|admin) 1$/.test(child.name) ? API_PORT : 0 });
    });
  }

  function beat(except?: FakeChild): void {
    for (const child of children.all)
      if (child.alive && child !== except) child.say({ type: 'heartbeat', linked: true });
  }

  function pass(seconds: number, except?: FakeChild): void {
    for (let i = 0; i < seconds; i++) {
      beat(except);
      clock.advance(1000);
    }
  }

  beforeEach(() => {
    clock = new ManualClock();
    children = new FakeChildren();
    children.onBirth = readyAtBirth;
    const spawn = children.spawn;
    Object.assign(children, {
      spawn: (...args: Parameters<typeof spawn>) => {
        const child = spawn(...args) as FakeChild;
        children.onBirth(child);
        return child;
      },
    });
    log = testLogger();
    gaveUp = [];
    drains = 0;
  });

  async function started(gates = 2): Promise<void> {
    supervisor = makeSupervisor(gates);
    const start = supervisor.start();
    await clock.settle();
    await start;
  }

  it('starts logic and api first, then the gates', async () => {
    await started(2);
    assert.deepEqual(
      children.all.map((child) => child.name),
      ['logic 1', 'api 1', 'gate 1', 'gate 2'],
    );
    assert.equal(supervisor.gatesListening, 2);
  });

  it('gives the port that the first api got to its successors', async () => {
    await started(1);
    assert.equal(children.living('api 1').got('start')[0]?.httpPort, 0);
    children.living('api 1').exit(null, 'SIGKILL');
    pass(1);
    assert.equal(children.living('api 1').got('start')[0]?.httpPort, API_PORT);
  });

  it('fails to start with the reason that a process gives', async () => {
    children.onBirth = (child) => {
      if (child.name === 'logic 1') clock.defer(() => child.say({ type: 'failed', message: 'the store is in use' }));
    };
    supervisor = makeSupervisor(1);
    const failing = assert.rejects(supervisor.start(), new SupervisorError('the store is in use'));
    await clock.settle();
    await failing;
  });

  it('starts an ended process again after 0.01, 1, 2, 4 … 30 s, and at 0.01 s again after 60 stable seconds', async () => {
    await started(1);
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      children.living('logic 1').exit(1);
      const before = clock.monotonicMs();
      const births = children.births('logic 1');
      while (children.births('logic 1') === births) {
        beat();
        clock.advance(10);
      }
      waits.push(clock.monotonicMs() - before);
      if (i === 7) pass(60);
    }
    assert.deepEqual(waits, [10, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 10]);
    assert.deepEqual(gaveUp, []);
  });

  it('takes an exit with code 0 for unexpected unless it was asked for', async () => {
    await started(1);
    children.living('gate 1').exit(0);
    pass(1);
    assert.equal(children.births('gate 1'), 2);
    assert.equal(supervisor.exits.get('gate'), 1);
  });

  it('tells the others at once when a gate is gone', async () => {
    await started(2);
    children.living('gate 1').exit(null, 'SIGKILL');
    assert.equal(children.living('api 1').got('status').at(-1)?.gatesListening, 1);
  });

  it('kills and replaces a process that says nothing for 5 s, and no other', async () => {
    await started(2);
    const frozen = children.living('gate 2');
    pass(5, frozen);
    assert.deepEqual(frozen.signals, []);
    pass(2, frozen);
    assert.deepEqual(frozen.signals, ['SIGKILL']);
    assert.equal(supervisor.frozen, 1);
    assert.equal(children.births('gate 2'), 2);
    assert.equal(children.births('gate 1'), 1);
  });

  it('lets processes be silent for as long as it is told', async () => {
    supervisor = makeSupervisor(1, SYSTEM, 20_000);
    const start = supervisor.start();
    await clock.settle();
    await start;
    const starved = children.living('gate 1');
    pass(20, starved);
    assert.deepEqual(starved.signals, []);
    pass(2, starved);
    assert.deepEqual(starved.signals, ['SIGKILL']);
  });

  it('waits 30 s for the first word of a process', async () => {
    await started(1);
    children.onBirth = () => {};
    children.living('logic 1').exit(1);
    pass(1, undefined);
    const slow = children.living('logic 1');
    slow.received.length = 0;
    for (let i = 0; i < 29; i++) {
      beat(slow);
      clock.advance(1000);
    }
    assert.deepEqual(slow.signals, []);
  });

  it('blames nobody for a time in which the primary itself stood still', async () => {
    await started(1);
    // A stopped process finds its timers late: time has moved without a tick in between.
    const real = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => real() + 60_000;
    clock.advance(1000);
    assert.deepEqual(
      children.all.flatMap((child) => child.signals),
      [],
    );
  });

  it('sends a heartbeat to every process each second', async () => {
    await started(1);
    const gate = children.living('gate 1');
    const before = gate.got('status').length;
    pass(3);
    assert.equal(gate.got('status').length, before + 3);
  });

  it('gives up after more than 10 restarts within 60 s', async () => {
    await started(6);
    for (let round = 0; round < 2; round++) {
      for (let gate = 1; gate <= 5; gate++) children.living(`gate ${gate}`).exit(1);
      pass(2);
    }
    assert.deepEqual(gaveUp, []);
    children.living('gate 6').exit(1);
    assert.equal(gaveUp.length, 1);
    assert.match(gaveUp[0] ?? '', /more than 10 restarts within a minute, the last one of gate 6/);
    await clock.advanceAsync(40_000, 1000);
    assert.equal(children.births('gate 6'), 1);
  });

  it('stops gates first, then api, then logic, after readiness is off', async () => {
    await started(2);
    const order: string[] = [];
    const [gate1, gate2] = [children.living('gate 1'), children.living('gate 2')];
    const [api, logic] = [children.living('api 1'), children.living('logic 1')];
    const told = (): string[] =>
      children.all.filter((child) => child.got('stop').length > 0).map((child) => child.name);
    const stopped = supervisor.stop().then(() => order.push('stopped'));
    assert.equal(supervisor.stop(), supervisor.stop());
    assert.equal(api.got('status').at(-1)?.stopping, true);
    assert.deepEqual(told(), ['gate 1', 'gate 2']);
    gate1.exit(0);
    await clock.settle();
    assert.deepEqual(told(), ['gate 1', 'gate 2']);
    gate2.exit(0);
    await clock.settle();
    assert.deepEqual(told(), ['api 1', 'gate 1', 'gate 2']);
    api.exit(0);
    await clock.settle();
    assert.deepEqual(told().length, 4);
    logic.exit(0);
    await stopped;
    assert.deepEqual(order, ['stopped']);
    assert.equal(children.births('gate 1'), 1);
    assert.equal(clock.pendingTimers, 0);
  });

  it('kills what does not stop in its time', async () => {
    await started(1);
    const stopped = supervisor.stop();
    await clock.advanceAsync(10_000, 1000);
    await stopped;
    assert.deepEqual(
      children.all.map((child) => child.signals),
      [['SIGKILL'], ['SIGKILL'], ['SIGKILL']],
    );
    assert.equal(clock.monotonicMs() >= 10_000, true);
  });

  it('can be stopped while it starts', async () => {
    children.onBirth = () => {};
    supervisor = makeSupervisor(1);
    const starting = assert.rejects(supervisor.start(), SupervisorError);
    const stopped = supervisor.stop();
    await clock.settle();
    for (const child of children.all) child.exit(0);
    await clock.settle();
    for (const child of children.all) child.exit(0);
    await starting;
    await stopped;
  });

  it('runs one role by itself, with an HTTP side of its own', async () => {
    supervisor = makeSupervisor(2, { logic: 0, api: 0, admin: 1 });
    const start = supervisor.start();
    await clock.settle();
    await start;
    assert.deepEqual(
      children.all.map((child) => child.name),
      ['admin 1', 'gate 1', 'gate 2'],
    );
    assert.equal(supervisor.httpPort, API_PORT);
    children.living('gate 2').say({ type: 'heartbeat', linked: true });
    children.living('gate 1').say({ type: 'heartbeat', linked: false });
    clock.advance(1000);
    const { gatesListening, gatesLinked, stopping } = children.living('admin 1').got('status').at(-1) ?? {};
    assert.deepEqual({ gatesListening, gatesLinked, stopping }, { gatesListening: 2, gatesLinked: 1, stopping: false });
  });

  it('passes on that a process was asked for a drain', async () => {
    await started(1);
    children.living('api 1').say({ type: 'drain' });
    assert.equal(drains, 1);
  });

  it('collects the metrics of all other processes, without the one that does not answer', async () => {
    await started(2);
    const api = children.living('api 1');
    const metric = { name: 'm', help: '', type: 'gauge', aggregator: 'sum', values: [] };
    api.say({ type: 'collect', request: 9 });
    await clock.settle();
    for (const name of ['gate 1', 'logic 1']) {
      const child = children.living(name);
      const request = child.got('metrics-wanted')[0]?.request ?? 0;
      child.say({ type: 'metrics', request, metrics: [metric] });
    }
    await clock.settle();
    assert.equal(api.got('collected').length, 0);
    await clock.advanceAsync(1000, 500);
    const answer = api.got('collected')[0];
    assert.equal(answer?.request, 9);
    assert.equal(answer?.processes.length, 3);
  });
});
