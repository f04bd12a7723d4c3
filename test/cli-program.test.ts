import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sluice } from './support/system.ts';

const LOGIN = ['--app', 'demo', '--uid', 'alice'];

describe('wrong options end with code 2 and one line on stderr', () => {
  const wrong: [title: string, args: string[], says: RegExp][] = [
    ['an unknown command', ['sned'], /unknown command 'sned'.*send/],
    ['an unknown option', ['token', ...LOGIN, '--colour'], /unknown option '--colour'/],
    ['an unknown configuration key', ['token', ...LOGIN, '--gate.prot', '1'], /--gate\.prot.*--gate\.port/],
    ['a configuration value out of bounds', ['token', ...LOGIN, '--gate.port', '70000'], /gate\.port.*65535/],
    ['a missing option', ['token', '--app', 'demo'], /--uid/],
    ['a superfluous word', ['token', ...LOGIN, 'now'], /too many arguments/],
    ['a wrong uid', ['token', '--app', 'demo', '--uid', 'no spaces'], /--uid "no spaces": 1 to 64 characters/],
    ['a token of two days', ['token', ...LOGIN, '--ttl', '48h'], /--ttl 48h: .*at most 24h/],
    ['an app that is not configured', ['token', '--app', 'dmeo', '--uid', 'a'], /"dmeo" is not configured.*demo/],
    ['no message', ['send', ...LOGIN, '--to', 'bob'], /give one of --text, --payload-base64 and --stdin/],
    ['wrong base64', ['send', ...LOGIN, '--to', 'bob', '--payload-base64', 'x'], /base64 with padding/],
    ['a count of 0', ['listen', ...LOGIN, '--count', '0'], /--count 0: a whole number/],
    ['a timeout that is none', ['listen', ...LOGIN, '--timeout', 'soon'], /--timeout soon: give seconds/],
    ['a url that is none', ['push', '--app', 'demo', '--to', 'b', '--text', 'x', '--url', 'x'], /--url "x"/],
    ['a backup to nowhere', ['backup'], /missing required argument 'directory'/],
    ['a missing file', ['--config', '/nowhere.toml', '--check-config'], /nowhere\.toml/],
  ];
  for (const [title, args, says] of wrong) {
    it(title, async () => {
      const { code, stdout, stderr } = await sluice(args);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr, /^sluice: [^\n]+\n$/);
      assert.match(stderr, says);
    });
  }
});

describe('the program', () => {
  it('prints a token made with the configured secret, bound to a device when asked', async () => {
    const { code, stdout } = await sluice(['token', ...LOGIN, '--ttl', '15m', '--device', 'phone1']);
    const claims = JSON.parse(Buffer.from(stdout.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(code, 0);
    assert.deepEqual([claims.aud, claims.sub, claims.dev, claims.exp - claims.iat], ['demo', 'alice', 'phone1', 900]);
  });

  it('T26: refuses unknown keys in the file, for every command', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
    writeFileSync(
      join(folder, 'sluice.toml'),
      '[gate]\nprot = 1\n\n[[apps]]\nid = "shop"\nkeys = [{ algorithm = "HS256", secret = "0123456789012345678901234567890123456789" }]\n',
    );
    for (const args of [['token', ...LOGIN], ['start'], ['--check-config'], ['--print-config']]) {
      const { code, stderr } = await sluice(args, folder);
      assert.equal(code, 2);
      assert.match(stderr, /^sluice: gate\.prot \(.*sluice\.toml\): unknown key; did you mean gate\.port\?\n$/);
    }
    rmSync(folder, { recursive: true });
  });

  it('prints the configuration in force, flags included, and checks it', async () => {
    const printed = await sluice(['--gate.port', '7401', '--print-config']);
    assert.equal(printed.code, 0);
    assert.match(printed.stdout, /^port = 7401$/m);
    assert.deepEqual((await sluice(['start', '--check-config'])).stdout, 'the configuration is fine (no file)\n');
  });

  it('helps on stdout with code 0 when asked, on stderr with code 2 when nothing was said', async () => {
    const asked = await sluice(['--help']);
    assert.deepEqual([asked.code, asked.stderr], [0, '']);
    for (const command of ['start', 'token', 'send', 'listen', 'chat', 'push'])
      assert.match(asked.stdout, new RegExp(command));
    const silent = await sluice([]);
    assert.deepEqual([silent.code, silent.stdout], [2, '']);
    assert.match(silent.stderr, /Usage: sluice/);
  });

  it('ends with code 1 and one line when nobody answers', async () => {
    const nobody = ['--host', '127.0.0.1', '--port', '9', '--timeout', '0.3'];
    const sent = await sluice(['send', ...LOGIN, '--to', 'bob', '--text', 'hi', ...nobody]);
    const heard = await sluice(['listen', ...LOGIN, '--count', '1', ...nobody]);
    for (const { code, stdout, stderr } of [sent, heard]) {
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^(sluice: [^\n]+\n)?$/);
    }
  });
});
