import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'smol-toml';
import { documentOptions } from '../src/config/document-options.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { OPTION_KEYS, optionOf } from '../src/config/options.ts';
import { printConfig } from '../src/config/print-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the printed configuration is TOML, explains every option and shows no secret', () => {
  const file = join(folder, 'shop.toml');
  const secret = 'a secret of exactly 32 bytes ...';
  writeFileSync(file, `[[apps]]\nid = "shop"\nkeys = [{ kid = "k", algorithm = "HS256", secret = "${secret}" }]\n`);
  const config = loadConfig({ file, env: { SLUICE_API_KEY: 'the key of the api' }, directory: folder });
  const text = printConfig(config);
  const table = parse(text) as { gate: { port: number }; apps: { id: string }[] };
  assert.equal(table.gate.port, 7400);
  assert.equal(table.apps[0]?.id, 'shop');
  assert.ok(!text.includes(secret) && !text.includes('the key of the api'));
  for (const key of OPTION_KEYS) assert.ok(text.includes(optionOf(key).description), key);
});

test('a printed configuration loads again as the same one, once its masks are filled in and what is empty is left out', () => {
  const config = loadConfig({ env: { SLUICE_GATE_PORT: '7555' }, directory: folder });
  const file = join(folder, 'again.toml');
  writeFileSync(
    file,
    printConfig(config)
      .replaceAll('********', 'a secret of exactly 32 bytes ...')
      .replaceAll(/^\w+ = ""$/gm, ''),
  );
  const again = loadConfig({ file, env: {}, directory: folder });
  assert.deepEqual({ ...again, apps: [], developmentMode: true, file: undefined }, { ...config, apps: [] });
});

test('docs/configuration.md is what the option table says (npm run generate)', () => {
  assert.equal(readFileSync('docs/configuration.md', 'utf8'), documentOptions());
});

test('every option is described in one sentence', () => {
  for (const key of OPTION_KEYS) assert.match(optionOf(key).description, /^[A-Z`].*\.$/, key);
});
