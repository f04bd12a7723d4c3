import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NodeTransport } from '../src/net/node-transport.ts';
import { ScriptedServer } from './support/scripted-server.ts';

const PROGRAM = fileURLToPath(new URL('./support/client-program.js', import.meta.url));

/** Runs the program until it ends, killing it as soon as it prints `killAt`. Answers what it printed. */
async function run(port: number, path: string, mode: string, killAt: string | undefined): Promise<string[]> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, String(port), path, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const ended = once(child, 'exit');
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === killAt) child.kill('SIGKILL');
  }
  await ended;
  return lines;
}

test('G2: kill -9 in a handler loses nothing and repeats only the message it was at, over real sockets', async (context) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sluice-process-'));
  const server = new ScriptedServer();
  const listener = await new NodeTransport().listen({ host: '127.0.0.1', port: 0 }, server);
  context.after(async () => {
    await listener.close();
    fs.rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'state');
  server.store('1', '2', 'hang', '4');
  assert.deepEqual(await run(listener.port, path, 'hang', 'hang'), ['1', '2', 'hang']);
  server.store('bye');
  assert.deepEqual(await run(listener.port, path, '', undefined), ['hang', '4', 'bye']);
  assert.equal(server.connection.names.at(-1), 'disconnect');
  server.store('later', 'bye');
  assert.deepEqual(await run(listener.port, path, '', undefined), ['later', 'bye']);
});
