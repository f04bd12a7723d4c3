/** One owner at a time, also for processes that see neither each other's network nor each other's process ids. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lockFile } from '../src/store/embedded/file-lock.ts';

const OWNER = fileURLToPath(new URL('./support/store-owner.js', import.meta.url));
/** A container's view: a network and process ids of its own. */
const ELSEWHERE = ['unshare', '--net', '--pid', '--fork', '--kill-child'];
const canUnshare = spawnSync('unshare', [...ELSEWHERE.slice(1), 'true']).status === 0;

interface Owner {
  child: ChildProcess;
  answer: string;
}

/** Starts a process that opens the store in `directory` and keeps it until it is killed. */
async function own(directory: string, prefix: readonly string[]): Promise<Owner> {
  const [command, ...args] = [...prefix, process.execPath, OWNER, directory];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [answer] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, answer };
}

async function kill({ child }: Owner): Promise<void> {
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await ended;
}

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a lock on a file excludes others until it is released', async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'owner.lock');
    const first = await lockFile(path);
    assert.notEqual(first, undefined);
    assert.equal(await lockFile(path), undefined);
    await first!.release();
    const second = await lockFile(path);
    assert.notEqual(second, undefined);
    await second!.release();
  });
});

test('the death of the owner frees the store at once', async () => {
  await withDirectory(async (directory) => {
    const first = await own(directory, []);
    assert.equal(first.answer, 'open');
    const second = await own(directory, []);
    assert.match(second.answer, /another process/);
    await kill(second);
    await kill(first);
    const third = await own(directory, []);
    assert.equal(third.answer, 'open');
    await kill(third);
  });
});

test('two containers that share the directory but neither network nor process ids never both own the store', {
  skip: canUnshare ? false : 'needs the right to make namespaces',
}, async () => {
  await withDirectory(async (directory) => {
    const first = await own(directory, ELSEWHERE);
    assert.equal(first.answer, 'open');
    for (const prefix of [ELSEWHERE, []]) {
      const other = await own(directory, prefix);
      assert.match(other.answer, /another process/);
      await kill(other);
    }
    await kill(first);
    const next = await own(directory, ELSEWHERE);
    assert.equal(next.answer, 'open');
    await kill(next);
  });
});
