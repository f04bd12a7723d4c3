/** What loading the Redis driver must not cost everybody else in the process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DRIVER = fileURLToPath(new URL('../src/store/redis/redis-client.js', import.meta.url));

/** Whether strings have their fast methods after a module was loaded. */
function fastAfter(module: string): string {
  const script = `await import(${JSON.stringify(module)}); console.log(%HasFastProperties(String.prototype))`;
  const args = ['--allow-natives-syntax', '--input-type=module', '-e', script];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout.trim();
}

test('strings keep their fast methods in a process that talks to Redis', () => {
  assert.equal(fastAfter(DRIVER), 'true');
});
