import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SluiceClient } from '../../src/client/index.ts';
import { type System, startSystem, stopLeftSystems, until } from '../support/system.ts';

const LISTENING_PROGRAM = fileURLToPath(new URL('../support/listening-program.js', import.meta.url));
const HEARTBEAT_MS = 30_000;
/** A process each; the rest goes through one client. */
const SENT_BY_COMMAND = 10;

/** A client of this process that records what reaches it. */
class Person {
  readonly client: SluiceClient;
  readonly texts: string[] = [];
  disconnects = 0;

  private constructor(system: System, uid: string, token: string) {
    this.client = new SluiceClient({
      host: '127.0.0.1',
      port: system.gatePort,
      app: 'demo',
      uid,
      deviceType: 'desktop',
      deviceId: `desk-${uid}`,
      token,
    });
    this.client.onMessage(async (message) => {
      this.texts.push(message.text);
    });
    this.client.on('disconnected', () => {
      this.disconnects++;
    });
  }

  static async arrive(system: System, uid: string): Promise<Person> {
    const person = new Person(system, uid, await tokenOf(system, uid));
    await person.client.connect();
    return person;
  }
}

async function tokenOf(system: System, uid: string): Promise<string> {
  return (await system.cli('token', '--app', 'demo', '--uid', uid)).stdout.trim();
}

interface Line {
  seq: number;
  epoch: number;
  from: string;
  to: string;
  text: string;
  messageId: string;
  timeMs: number;
}

function linesOf(stdout: string): Line[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `message ${index + 1}`);
}

function push(system: System, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(system.url('/v1/push'), { method: 'POST', headers, body: JSON.stringify({ app: 'demo', ...body }) });
}

describe('the commands against a running system', () => {
  let system: System;
  before(async () => {
    system = await startSystem({ workers: 2 });
  });
  after(async () => {
    await system.stop();
  });

  it('token prints one token and nothing else', async () => {
    const { code, stdout, stderr } = await system.cli('token', '--app', 'demo', '--uid', 'alice');
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('100 messages sent while bob is offline come in order, on his second device too', async () => {
    const texts = numbered(100);
    for (const text of texts.slice(0, SENT_BY_COMMAND)) {
      const sent = await system.cli('send', '--app', 'demo', '--uid', 'alice', '--to', 'bob', '--text', text, '--json');
      assert.equal(sent.code, 0, sent.stderr);
      const receipt = JSON.parse(sent.stdout) as Record<string, unknown>;
      assert.deepEqual([receipt['dup'], receipt['durability']], [false, 'disk']);
      assert.match(String(receipt['messageId']), /^\d+$/);
    }
    const alice = await Person.arrive(system, 'alice');
    await Promise.all(texts.slice(SENT_BY_COMMAND).map((text) => alice.client.send({ to: 'bob', text })));
    await alice.client.close();
    const listen = ['--app', 'demo', '--uid', 'bob', '--json', '--timeout', '20'];
    const first = await system.cli('listen', ...listen, '--count', '60');
    const second = await system.cli('listen', ...listen, '--count', '40');
    const lines = linesOf(first.stdout + second.stdout);
    assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr);
    assert.deepEqual(
      lines.map((line) => line.text),
      texts,
    );
    assert.deepEqual(
      lines.map((line) => line.seq),
      texts.map((_, index) => index + 1),
    );
    assert.deepEqual(new Set(lines.map((line) => `${line.from} ${line.to}`)), new Set(['alice bob']));
    const phone2 = await system.cli('listen', ...listen, '--count', '100', '--device', 'phone2');
    assert.deepEqual(
      linesOf(phone2.stdout).map((line) => line.text),
      texts,
    );
  });

  it('a listen that ends with the last message of a page leaves nothing for the next one to repeat', async () => {
    const sent = numbered(4);
    const alice = await Person.arrive(system, 'alice');
    await Promise.all(sent.map((text) => alice.client.send({ to: 'erin', text })));
    await alice.client.close();
    const heard: string[] = [];
    for (const count of [3, 1]) {
      const listen = ['--app', 'demo', '--uid', 'erin', '--json', '--timeout', '10', '--count', String(count)];
      heard.push(...linesOf((await system.cli('listen', ...listen)).stdout).map((line) => String(line.text)));
    }
    assert.deepEqual(heard, sent);
    const rest = await system.cli('listen', '--app', 'demo', '--uid', 'erin', '--json', '--timeout', '1');
    assert.equal(rest.stdout, '');
  });

  it('G3: a retry of one clientMsgId answers dup:true and is delivered once', async () => {
    const send = ['--app', 'demo', '--uid', 'alice', '--to', 'carol', '--client-msg-id', 'once', '--json'];
    const first = await system.cli('send', ...send, '--text', 'hi');
    const again = await system.cli('send', ...send, '--text', 'hi');
    const [one, two] = [JSON.parse(first.stdout), JSON.parse(again.stdout)];
    assert.deepEqual([one.dup, two.dup, two.messageId], [false, true, one.messageId]);
    const other = await system.cli('send', ...send, '--text', 'another body');
    assert.equal(other.code, 1);
    const heard = await system.cli('listen', '--app', 'demo', '--uid', 'carol', '--timeout', '1', '--json');
    assert.deepEqual([heard.code, linesOf(heard.stdout).length], [0, 1]);
  });

  it('listen exits 1 when the time is over before the count', async () => {
    const heard = await system.cli('listen', '--app', 'demo', '--uid', 'nobody', '--count', '1', '--timeout', '1');
    assert.deepEqual([heard.code, heard.stdout], [1, '']);
  });

  it('a payload that is no text comes as base64', async () => {
    const sent = await system.cli(
      'send',
      '--app',
      'demo',
      '--uid',
      'alice',
      '--to',
      'dora',
      '--payload-base64',
      '/wA=',
    );
    assert.equal(sent.code, 0, sent.stderr);
    const heard = await system.cli(
      'listen',
      '--app',
      'demo',
      '--uid',
      'dora',
      '--count',
      '1',
      '--timeout',
      '9',
      '--json',
    );
    assert.equal(JSON.parse(heard.stdout).payloadBase64, '/wA=');
  });

  it('a push over HTTP reaches the user; its retry is a duplicate', async () => {
    const response = await push(system, { to: 'erin', text: 'from the business', id: 'order-1' });
    const stored = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(
      [response.status, stored['status'], stored['durability'], stored['dup']],
      [200, 'stored', 'disk', false],
    );
    const args = ['--app', 'demo', '--to', 'erin', '--text', 'from the business', '--id', 'order-1', '--json'];
    const again = await system.cli('push', ...args);
    assert.deepEqual(JSON.parse(again.stdout), { ...stored, dup: true });
    const heard = await system.cli(
      'listen',
      '--app',
      'demo',
      '--uid',
      'erin',
      '--count',
      '1',
      '--timeout',
      '9',
      '--json',
    );
    const [line] = linesOf(heard.stdout);
    assert.deepEqual([line?.from, line?.text, line?.messageId], ['system', 'from the business', stored['messageId']]);
  });

  it('T11: an app that does not exist is refused like one that is not allowed', async () => {
    const response = await push(system, { app: 'other', to: 'erin', text: 'hi' });
    assert.equal(response.status, 403);
  });

  it('health, readiness and metrics answer', async () => {
    assert.equal((await fetch(system.url('/healthz'))).status, 200);
    const ready = await fetch(system.url('/readyz'));
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
    const text = await (await fetch(system.url('/metrics'))).text();
    for (const name of ['sluice_gate_logins_total', 'sluice_logic_messages_stored_total', 'sluice_api_logic_up']) {
      assert.match(text, new RegExp(`^${name} [1-9]`, 'm'));
    }
    for (const role of ['primary', 'gate', 'logic', 'api']) assert.match(text, new RegExp(`role="${role}"`));
    assert.doesNotMatch(text, /alice|127\.0\.0\.1/);
  });
});

describe('kills', () => {
  afterEach(stopLeftSystems);

  it('G2: kill -9 of a listening client inside its handler loses and repeats nothing', async () => {
    const system = await startSystem();
    const texts = ['1', '2', 'hang', '4', 'bye'];
    for (const [id, text] of texts.entries()) await push(system, { to: 'bob', text, id: `k${id}` });
    const args = [String(system.gatePort), 'bob', await tokenOf(system, 'bob'), join(system.folder, 'bob.state')];
    const said = [...(await runListening([...args, 'hang'], 'begin hang')), ...(await runListening(args))];
    assert.deepEqual(
      said.filter((line) => line.startsWith('done')),
      texts.map((text) => `done ${text}`),
    );
    await system.stop();
  });

  it('kill -9 of logic in the middle of sends loses nothing that was acknowledged and drops no connection', async () => {
    const system = await startSystem({ workers: 2 });
    const alice = await Person.arrive(system, 'alice');
    const bob = await Person.arrive(system, 'bob');
    const texts = numbered(300);
    const sent: Promise<unknown>[] = [];
    for (const [index, text] of texts.entries()) {
      sent.push(alice.client.send({ to: 'bob', text }));
      if (index % 100 === 50) {
        await Promise.all(sent.slice(0, 40));
        const pid = system.kill('logic-1', 'SIGKILL');
        void system.replaced('logic-1', pid);
        await sent[index];
      }
    }
    await Promise.all(sent);
    await until(() => bob.texts.length >= texts.length, 'bob has everything');
    assert.deepEqual(bob.texts, texts);
    assert.deepEqual([alice.disconnects, bob.disconnects], [0, 0]);
    await Promise.all([alice.client.close(), bob.client.close()]);
    assert.equal(await system.stop(), 0);
  });

  it('kill -9 of logic right after a commit: the message comes within one heartbeat, without further traffic', async () => {
    const system = await startSystem({ config: { 'gate.heartbeatMs': String(HEARTBEAT_MS) } });
    const bob = await Person.arrive(system, 'bob');
    const texts = numbered(3);
    for (const text of texts) {
      const pid = system.pids['logic-1'] ?? 0;
      const answered = push(system, { to: 'bob', text, id: text }).then((response) => {
        process.kill(pid, 'SIGKILL');
        return response.status;
      });
      assert.equal(await answered, 200);
      await until(() => bob.texts.includes(text), `${text} arrives`);
      await system.replaced('logic-1', pid);
      await until(async () => (await fetch(system.url('/readyz'))).status === 200, 'logic is back');
    }
    assert.deepEqual([bob.texts, bob.disconnects], [texts, 0]);
    await bob.client.close();
    await system.stop();
  });

  it('kill -9 of a gate worker drops only its own clients, which come back by themselves', async () => {
    const system = await startSystem({ workers: 2 });
    const people = await Promise.all(numbered(24).map((_, index) => Person.arrive(system, `user${index}`)));
    const pid = system.kill('gate-1', 'SIGKILL');
    await until(() => people.some((person) => person.disconnects > 0), 'somebody is dropped');
    await system.replaced('gate-1', pid);
    for (const [index] of people.entries()) await push(system, { to: `user${index}`, text: 'still there?' });
    await until(() => people.every((person) => person.texts.length === 1), 'everybody is reached');
    const dropped = people.filter((person) => person.disconnects > 0).length;
    assert.ok(dropped >= 1 && dropped < people.length, `${dropped} of ${people.length} were dropped`);
    await Promise.all(people.map((person) => person.client.close()));
    await system.stop();
  });

  it('kill -9 of the primary: connections stay, and a new start takes over', async () => {
    const system = await startSystem({ workers: 1, config: { 'gate.drainMs': '500' } });
    const bob = await Person.arrive(system, 'bob');
    process.kill(system.pids['primary'] ?? 0, 'SIGKILL');
    await system.exited;
    const config = { 'gate.port': String(system.gatePort), 'api.port': String(system.httpPort) };
    const next = await startSystem({ workers: 1, config, dataDirectory: system.folder });
    await push(next, { to: 'bob', text: 'hello again' });
    await until(() => bob.texts.length === 1, 'bob is reached');
    await bob.client.close();
    assert.equal(await next.stop(), 0);
  });

  it('a stopped gate worker is replaced; the others keep serving', async () => {
    const system = await startSystem({ workers: 2 });
    const frozen = system.kill('gate-1', 'SIGSTOP');
    await system.replaced('gate-1', frozen);
    assert.equal((await fetch(system.url('/readyz'))).status, 200);
    assert.equal(await system.stop(), 0);
  });
});

describe('start and stop', () => {
  afterEach(stopLeftSystems);

  it('SIGTERM ends everything with code 0 and leaves no pid file', async () => {
    const system = await startSystem({ workers: 2 });
    assert.deepEqual(Object.keys(system.pids).sort(), ['api', 'gate-1', 'gate-2', 'logic-1', 'primary']);
    const { pids } = system;
    process.kill(pids['primary'] ?? 0, 'SIGTERM');
    assert.equal(await system.exited, 0);
    assert.deepEqual(system.pids, {});
    for (const [role, pid] of Object.entries(pids)) assert.throws(() => process.kill(pid, 0), role);
    await system.stop();
  });

  it('refuses a second system on the same data, and says who is there', async () => {
    const system = await startSystem();
    await assert.rejects(startSystem({ dataDirectory: system.folder }), (error: Error) => {
      assert.match(error.message, /sluice: another sluice \(process \d+\) runs on .+data\.directory/);
      return true;
    });
    await system.stop();
  });

  it('says which key to change when a port is taken', async () => {
    const system = await startSystem();
    for (const [key, port] of [
      ['gate.port', system.gatePort],
      ['api.port', system.httpPort],
    ] as const) {
      await assert.rejects(startSystem({ config: { [key]: String(port) } }), (error: Error) => {
        assert.match(error.message, new RegExp(`sluice: port ${port} on 127.0.0.1 is taken.*${key}`));
        return true;
      });
    }
    await system.stop();
  });
});

/** Runs the program until it ends; kills it as soon as it says `killAt`. Answers what it said. */
async function runListening(args: readonly string[], killAt?: string): Promise<string[]> {
  const child = spawn(process.execPath, [LISTENING_PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === killAt) child.kill('SIGKILL');
  }
  await ended;
  return lines;
}
