/** The commands of docs/deploy.md do what they say: a Redis Cluster and every role, typed as they stand there. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { repositoryPath } from '../tools/generated-file.ts';
import { freePort } from './support/redis-server.ts';
import { collect, PROGRAM } from './support/system.ts';

const TEXT = readFileSync(repositoryPath('docs/deploy.md'), 'utf8');
const PORT = /\b7[4-6]\d\d\b|\b700[1-6]\b/g;

/** Each port of the document is one that is free here. */
async function withFreePorts(script: string): Promise<string> {
  const ports = new Map<string, string>();
  for (const [port] of script.matchAll(PORT)) if (!ports.has(port)) ports.set(port, String(await freePort()));
  return script.replace(PORT, (port) => ports.get(port) ?? port);
}

describe('a cluster by hand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  let shell: ChildProcess | undefined;

  after(() => {
    // The shell leads a group of its own: whatever a failed step has left running goes with it.
    if (shell?.pid !== undefined) {
      try {
        process.kill(-shell.pid, 'SIGKILL');
      } catch {
        // Nothing is left.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  });

  function logs(): string {
    const path = join(folder, 'logs');
    if (!existsSync(path)) return '';
    return readdirSync(path)
      .map((name) => `${name}: ${readFileSync(join(path, name), 'utf8')}`)
      .join('\n');
  }

  it('comes up, is one system, lets a gate go, and goes down', async () => {
    // Found before the machine's own: it runs what is tested here, and fetches nothing.
    writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    chmodSync(join(folder, 'npx'), 0o755);
    symlinkSync(repositoryPath('deploy'), join(folder, 'deploy'));
    const blocks = [...TEXT.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => String(match[1]));
    assert.ok(blocks.length >= 7);
    const script = await withFreePorts(['set -e', ...blocks, 'echo "the end"'].join('\n'));
    shell = spawn('sh', ['-c', script], {
      cwd: folder,
      detached: true,
      env: { PATH: [folder, '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = collect(shell);
    const [code] = (await once(shell, 'exit')) as [number | null];
    assert.equal(code, 0, `${output.stdout}${output.stderr}${logs()}`);
    assert.match(output.stdout, /across the cluster[\s\S]*from the back end/);
    assert.match(output.stdout, /"gates":\["127\.0\.0\.1:\d+","127\.0\.0\.1:\d+"\]/);
    assert.equal([...output.stdout.matchAll(/^drained$/gm)].length, 5);
    assert.match(output.stdout, /the end\n$/);
  });
});
