/** What other systems got wrong about sessions and connections, tried on the whole system. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { MemoryStorage } from '../src/client/index.ts';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { connectionsByDescriptors } from '../src/cluster/descriptor-limit.ts';
import { CloseReason } from '../src/protocol/index.ts';
import { ChaosProxy } from '../tools/chaos/chaos-proxy.ts';
import {
  ack,
  any,
  closes,
  connack,
  connect as connectStep,
  dialogue,
  expect,
  login,
  message,
  open,
  send,
  sendack,
  sendTo,
} from '../tools/vectors/dialogue-steps.ts';
import { runDialogue } from './support/dialogue.ts';
import { hurriedPlatform, mintUserToken, numbered, Person } from './support/person.ts';
import { type System, startSystem, stopLeftSystems, until } from './support/system.ts';

const RACERS = 100;
const clock = new SystemClock();

interface Session {
  readonly deviceId: string;
}

async function sessionsOf(system: System, uid: string): Promise<readonly Session[]> {
  const response = await fetch(system.url(`/v1/sessions?app=demo&uid=${uid}`));
  return response.status === 200 ? ((await response.json()) as { sessions: Session[] }).sessions : [];
}

/** Until one is online and every other one was told to stop; that one is who the server says is current. */
async function oneIsCurrent(system: System, racers: readonly Person[]): Promise<Person> {
  const inState = (state: string): Person[] => racers.filter(({ client }) => client.state === state);
  await until(
    () => inState('online').length === 1 && inState('stopped').length === racers.length - 1,
    'one is left of all',
  );
  const [winner] = inState('online') as [Person];
  await until(async () => (await sessionsOf(system, 'bob')).length === 1, 'one session is current');
  assert.deepEqual(
    (await sessionsOf(system, 'bob')).map(({ deviceId }) => deviceId),
    [`phone${racers.indexOf(winner)}`],
  );
  return winner;
}

async function race(disturb: (system: System, racers: readonly Person[]) => Promise<void>): Promise<void> {
  const system = await startSystem({ workers: 4 });
  const platform = hurriedPlatform();
  const racers = Array.from({ length: RACERS }, (_, index) => {
    return new Person(system.gatePort, 'bob', { deviceType: 'phone', deviceId: `phone${index}`, platform });
  });
  const ended = Promise.allSettled(racers.map(({ client }) => client.connect()));
  await disturb(system, racers);
  await ended;
  const winner = await oneIsCurrent(system, racers);
  const alice = await Person.arrive(system, 'alice');
  await alice.client.send({ to: 'bob', text: 'who is it?' });
  await until(() => winner.texts.length === 1, 'the current one gets messages');
  assert.equal(racers.filter(({ texts }) => texts.length > 0).length, 1);
  await Promise.all([alice, ...racers].map((person) => person.close()));
  assert.equal(await system.stop(), 0);
}

afterEach(stopLeftSystems);

test('#14 G8: of 100 racing logins over 4 gates exactly one is current', async () => {
  await race(async () => {});
});

test('#14 G8: of 100 racing logins exactly one is current, logic killed in the middle', async () => {
  await race(async (system, racers) => {
    await until(() => racers.filter(({ logins }) => logins > 0).length > RACERS / 4, 'a quarter has logged in');
    await system.replaced('logic-1', system.kill('logic-1', 'SIGKILL'));
  });
});

test('#14 emqx#6393: nothing that is sent while two devices take over from each other is lost', async () => {
  const system = await startSystem({ workers: 2 });
  const platform = hurriedPlatform();
  const devices = ['phone1', 'phone2'].map((deviceId) => {
    return new Person(system.gatePort, 'bob', { deviceType: 'phone', deviceId, platform });
  });
  const alice = await Person.arrive(system, 'alice');
  const texts = numbered(200);
  const sending = (async () => {
    for (const text of texts) await alice.client.send({ to: 'bob', text });
  })();
  for (let turn = 0; turn < 20; turn += 1) {
    const device = devices[turn % 2] as Person;
    await device.client.connect();
    await until(() => devices[(turn + 1) % 2]?.client.state !== 'online', 'the other one is replaced');
  }
  await sending;
  for (const device of devices) {
    if (device.client.state !== 'online') await device.client.connect();
    await until(() => device.texts.length >= texts.length, 'the device has everything');
    assert.deepEqual(device.texts, texts);
  }
  await Promise.all([alice, ...devices].map((person) => person.close()));
  await system.stop();
});

test('#18 socket.io#5419: a client that comes back twice without traffic in between gets nothing the second time', async () => {
  const system = await startSystem();
  const proxy = await ChaosProxy.start({ clock, targetPort: system.gatePort, maxMs: 60_000 });
  const storage = new MemoryStorage();
  const bob = new Person(proxy.port, 'bob', { storage, platform: hurriedPlatform() });
  await bob.client.connect();
  const alice = await Person.arrive(system, 'alice');
  for (const text of numbered(3)) await alice.client.send({ to: 'bob', text });
  await until(() => bob.texts.length === 3, 'bob has the messages');
  const comeBack = async (): Promise<void> => {
    const { logins } = bob;
    proxy.resetAll();
    await until(() => bob.logins > logins && bob.client.state === 'online', 'bob is back');
    // What would be replayed comes at once.
    await delay(clock, 300);
  };
  await comeBack();
  const before = await delivered(system);
  await comeBack();
  assert.equal((await delivered(system)) - before, 0);
  assert.equal(bob.texts.length, 3);
  await Promise.all([alice.close(), bob.close(), proxy.stop()]);
  await system.stop();
});

/** Messages that logic has handed out so far, pushed or pulled. */
async function delivered(system: System): Promise<number> {
  const text = await (await fetch(system.url('/metrics'))).text();
  const of = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return of('sluice_logic_pushes_total') + of('sluice_logic_sync_messages_total');
}

test('#24 OF-1590: an ACK beyond what was sent ends the connection and changes nothing', async () => {
  const system = await startSystem();
  const steps = dialogue(
    'an ACK beyond what was sent, with a message waiting',
    'S-ACK-4',
    login('a', 'alice'),
    sendTo('a', 2, 'bob', 'm1', 'hi'),
    sendack('a', 2, any('u64', 'm1'), false),
    login('b', 'bob'),
    ack('b', 9),
    closes('b', CloseReason.ProtocolError),
    [open('c'), connectStep('c', 'bob'), connack('c', { cursor: 0, head: 1 })],
    send('c', 'SYNC', 2, { epoch: { same: 'c.epoch' }, after: 0, limit: 10 }),
    expect('c', 'SYNCACK', 2, { messages: [message('c', 1, 'm1', 'alice', 'bob', 'hi')] }),
  );
  const dial = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: system.gatePort });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  await runDialogue(steps, dial, { app: 'demo', uid: (name) => name, token: mintUserToken });
  await system.stop();
});

const DESCRIPTORS = 256;
const HELD_MAX = connectionsByDescriptors(DESCRIPTORS);
const CROWD = 400;
/** Who comes at the same moment: a refusal needs a descriptor too. */
const GROUP = 20;
const CPU_WINDOW_MS = 2000;
const TICKS_PER_SECOND = 100;

/** CPU that the processes have used, in seconds. */
function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

test('#22 EMFILE: 400 clients at 256 descriptors: the extra ones are refused, no CPU is burnt, and it recovers', async () => {
  const system = await startSystem({
    workers: 1,
    descriptorsMax: DESCRIPTORS,
    config: { 'gate.loginTimeoutMs': '60000' },
  });
  const refused = new Set<Socket>();
  const closed = new Set<Socket>();
  const crowd: Socket[] = [];
  while (crowd.length < CROWD) {
    const group = Array.from({ length: GROUP }, () => {
      const socket = connect({ host: '127.0.0.1', port: system.gatePort });
      socket.on('error', () => {});
      socket.on('data', () => refused.add(socket));
      socket.on('close', () => closed.add(socket));
      return socket;
    });
    crowd.push(...group);
    await Promise.all(group.map((socket) => once(socket, 'connect')));
    await until(() => crowd.length - closed.size <= HELD_MAX, 'those without a place are closed');
  }
  await until(() => closed.size >= refused.size, 'whoever is refused is closed');
  const silent = [...closed].filter((socket) => !refused.has(socket)).length;
  assert.equal(silent, 0, 'nobody is closed without a word');
  assert.equal(CROWD - closed.size, HELD_MAX);
  const pids = [system.pids['gate-1'] as number, system.pids['primary'] as number];
  const before = cpuSeconds(pids);
  await delay(clock, CPU_WINDOW_MS);
  const share = (cpuSeconds(pids) - before) / (CPU_WINDOW_MS / 1000);
  assert.ok(share < 0.5, `${share} of a core`);
  for (const socket of crowd) socket.destroy();
  const bob = await Person.arrive(system, 'bob', { platform: hurriedPlatform() });
  await bob.client.send({ to: 'bob', text: 'there is room again' });
  await bob.close();
  assert.equal(await system.stop(), 0);
});

test('#22 EMFILE: refused clients that do not hang up never use up the descriptors of a full gate', async () => {
  const system = await startSystem({
    workers: 1,
    descriptorsMax: DESCRIPTORS,
    config: { 'gate.loginTimeoutMs': '60000' },
  });
  const crowd: Socket[] = [];
  const arrive = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: system.gatePort, allowHalfOpen: true });
    socket.on('error', () => {});
    crowd.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  while (crowd.length < HELD_MAX) await arrive();
  for (let stubborn = 0; stubborn < DESCRIPTORS; stubborn += 1) {
    const socket = await arrive();
    await once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
  }
  for (const socket of crowd) socket.destroy();
  const bob = new Person(system.gatePort, 'bob', { platform: hurriedPlatform(), connectTimeoutMs: 20_000 });
  await bob.client.connect();
  await bob.close();
  assert.equal(await system.stop(), 0);
});
