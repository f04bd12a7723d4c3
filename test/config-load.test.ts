import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Config } from '../src/config/config.ts';
import { ConfigError, type ConfigProblem } from '../src/config/config-error.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { environmentName, OPTION_KEYS, optionOf } from '../src/config/options.ts';
import { valueIn } from '../src/config/print-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = 'a secret of exactly 32 bytes ...';
const SHOP = `[[apps]]\nid = "shop"\nkeys = [{ algorithm = "HS256", secret = "${SECRET}" }]\n`;

let files = 0;
function fileWith(text: string): string {
  const path = join(folder, `${files++}.toml`);
  writeFileSync(path, text);
  return path;
}

/** Loads without looking at the machine: `directory` holds no sluice.toml. */
function load(text?: string, env: Record<string, string> = {}, flags: Record<string, string> = {}): Config {
  const file = text === undefined ? undefined : fileWith(text);
  return loadConfig({ file, env, flags, directory: folder });
}

function problemsOf(
  text?: string,
  env: Record<string, string> = {},
  flags: Record<string, string> = {},
): readonly ConfigProblem[] {
  try {
    load(text, env, flags);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  assert.fail('the configuration was accepted');
}

test('nothing configured: defaults, the development app, the trusted profile', () => {
  const config = load();
  assert.equal(config.gate.port, 7400);
  assert.equal(config.store.durability, 'disk');
  assert.equal(config.profile, 'trusted');
  assert.equal(config.developmentMode, true);
  assert.deepEqual(
    config.apps.map((app) => app.id),
    ['demo'],
  );
});

test('flags overrule the environment, which overrules the file, which overrules the defaults', () => {
  const text = `[gate]\nport = 1001\nworkers = 3\nackTimeoutMs = 9000\n${SHOP}`;
  const env = { SLUICE_GATE_PORT: '1002', SLUICE_GATE_WORKERS: '4' };
  const config = load(text, env, { 'gate.port': '1003' });
  assert.deepEqual([config.gate.port, config.gate.workers, config.gate.ackTimeoutMs], [1003, 4, 9000]);
});

test('sluice.toml of the directory is read without being named', () => {
  const own = mkdtempSync(join(folder, 'own-'));
  writeFileSync(join(own, 'sluice.toml'), SHOP);
  assert.deepEqual(
    loadConfig({ env: {}, directory: own }).apps.map((app) => app.id),
    ['shop'],
  );
});

test('the configuration is frozen at every depth', () => {
  const config = load(SHOP);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.gate) && Object.isFrozen(config.apps[0]?.keys[0]));
});

for (const key of OPTION_KEYS) {
  const { kind, min = 0, max, zero } = optionOf(key);
  if (kind !== 'integer' || max === undefined) continue;
  test(`${key}: the bounds are allowed, one beyond is refused`, () => {
    const refuses = (value: number): boolean => {
      try {
        load(undefined, { [environmentName(key)]: String(value) });
        return false;
      } catch (error) {
        return (error as ConfigError).problems.some(
          (problem) => problem.key === key && problem.allowed.startsWith('a whole'),
        );
      }
    };
    assert.deepEqual([refuses(min), refuses(max), refuses(max + 1)], [false, false, true]);
    if (min > 0) assert.equal(refuses(min - 1), !(zero !== undefined && min === 1));
    assert.equal(refuses(0), !(zero !== undefined || min === 0));
  });
}

test('T26: unknown keys are errors in file, environment and flags, with a suggestion', () => {
  assert.match(problemsOf(`[gate]\nprot = 1\n${SHOP}`)[0]?.allowed ?? '', /did you mean gate\.port\?/);
  assert.match(problemsOf(`[gates]\nport = 1\n${SHOP}`)[0]?.allowed ?? '', /did you mean gate\.port\?/);
  assert.match(problemsOf(undefined, { SLUICE_GATE_PROT: '1' })[0]?.allowed ?? '', /did you mean SLUICE_GATE_PORT\?/);
  assert.match(problemsOf(undefined, {}, { 'gate.prot': '1' })[0]?.allowed ?? '', /did you mean gate\.port\?/);
  assert.match(problemsOf('[[apps]]\nid = "a"\nkeyz = []')[0]?.allowed ?? '', /did you mean keys\?/);
});

test('every problem is reported at once, with key, value, what is allowed and where it came from', () => {
  const problems = problemsOf(`[gate]\nport = 70000\n${SHOP}`, { SLUICE_LOG_LEVEL: 'loud' }, { 'api.port': 'x' });
  assert.deepEqual(
    problems.map((problem) => [problem.key, problem.value]),
    [
      ['gate.port', '70000'],
      ['log.level', '"loud"'],
      ['api.port', '"x"'],
    ],
  );
  assert.match(problems[0]?.source ?? '', /\.toml$/);
  assert.equal(problems[1]?.source, 'environment SLUICE_LOG_LEVEL');
  assert.equal(problems[2]?.source, 'flag --api.port');
  assert.match(problems[1]?.allowed ?? '', /debug, info, warn, error/);
});

for (const bad of ['', '1.5', '0x10', '1e3', ' 7', '-1', '99999999999999999999']) {
  test(`T26: the number "${bad}" is refused`, () => {
    assert.equal(problemsOf(undefined, { SLUICE_GATE_PORT: bad })[0]?.key, 'gate.port');
  });
}

for (const bad of ['', '256.1.1.1', '1.2.3', '1.2.3.4:80', 'a b', '-x.example', ':::', '1.2.3.04']) {
  test(`T26: the host "${bad}" is refused`, () => {
    assert.equal(problemsOf(undefined, { SLUICE_GATE_HOST: bad })[0]?.key, 'gate.host');
  });
}

for (const bad of ['', '10.0.0.0/33', '10.0.0/8', 'localhost', '::/129', '10.0.0.0/8,']) {
  test(`T26: the address block "${bad}" is refused`, () => {
    assert.equal(problemsOf(undefined, { SLUICE_LIMITS_ADDRESS_EXEMPT: bad })[0]?.key, 'limits.addressExempt');
  });
}

test('address blocks are read from text and from lists', () => {
  const config = load(`[limits]\naddressExempt = ["10.0.0.0/8", "2001:db8::/32"]\n${SHOP}`);
  assert.deepEqual(config.limits.addressExempt, ['10.0.0.0/8', '2001:db8::/32']);
  assert.deepEqual(load(undefined, { SLUICE_LIMITS_ADDRESS_EXEMPT: '10.0.0.0/8, ::1' }).limits.addressExempt, [
    '10.0.0.0/8',
    '::1',
  ]);
});

test('T26: a file that is missing, is not TOML, or has no app is refused', () => {
  assert.throws(() => loadConfig({ file: join(folder, 'none.toml'), env: {} }), /cannot be read/);
  assert.throws(() => load('gate = ['), /not valid TOML/);
  assert.equal(problemsOf('')[0]?.key, 'apps');
  assert.equal(problemsOf('apps = []')[0]?.key, 'apps');
});

test('T26: an app needs an id, a key, and a secret of 32 bytes that is not the development one', () => {
  const keysOf = (app: string): string[] => problemsOf(`[[apps]]\n${app}`).map((problem) => problem.key);
  const key = (text: string): string => `id = "a"\nkeys = [{ ${text} }]`;
  assert.deepEqual(keysOf(`keys = [{ algorithm = "HS256", secret = "${SECRET}" }]`), ['apps[0].id']);
  assert.deepEqual(keysOf('id = "a"'), ['apps[0].keys']);
  assert.deepEqual(keysOf('id = "a"\nkeys = []'), ['apps[0].keys']);
  assert.deepEqual(keysOf(key(`algorithm = "HS256", secret = "${SECRET.slice(1)}"`)), ['apps[0].keys[0].secret']);
  assert.deepEqual(keysOf(key('algorithm = "HS256", secret = ""')), ['apps[0].keys[0].secret']);
  const development = 'sluice-development-secret-known-to-everybody';
  assert.deepEqual(keysOf(key(`algorithm = "HS256", secret = "${development}"`)), ['apps[0].keys[0].secret']);
  assert.deepEqual(keysOf(key(`algorithm = "none", secret = "${SECRET}"`)), ['apps[0].keys[0].algorithm']);
  assert.deepEqual(keysOf(`${SHOP.slice(9)}${SHOP}`), ['apps[1].id']);
});

test('an EdDSA key is a public Ed25519 key as PEM or JWK; private and other keys are refused', () => {
  const ed25519 = generateKeyPairSync('ed25519');
  const app = (publicKey: string): string =>
    `[[apps]]\nid = "a"\nkeys = [{ algorithm = "EdDSA", publicKey = ${publicKey} }]`;
  const pem = (text: string | Buffer): string => JSON.stringify(String(text));
  const { x } = ed25519.publicKey.export({ format: 'jwk' });
  const loaded = load(app(pem(ed25519.publicKey.export({ type: 'spki', format: 'pem' }))));
  assert.equal(loaded.apps[0]?.keys[0]?.algorithm, 'EdDSA');
  load(app(`{ kty = "OKP", crv = "Ed25519", x = "${x}" }`));
  const refused = ['apps[0].keys[0].publicKey'];
  const keysOf = (publicKey: string): string[] => problemsOf(app(publicKey)).map((problem) => problem.key);
  assert.deepEqual(keysOf(pem(ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }))), refused);
  assert.deepEqual(keysOf(`{ kty = "OKP", crv = "Ed25519", x = "${x}", d = "${x}" }`), refused);
  const x25519 = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' });
  assert.deepEqual(keysOf(pem(x25519)), refused);
  assert.deepEqual(keysOf('""'), refused);
});

test('app settings overrule the store’s retention', () => {
  const config = load(`[store]\nretentionCount = 7\n${SHOP}retentionAgeMs = 60000\nsessionPolicy = "many"\n`);
  const app = config.apps[0];
  assert.deepEqual([app?.retentionCount, app?.retentionAgeMs, app?.sessionPolicy], [7, 60_000, 'many']);
});

test('the profile follows gate.host when it is auto, and lifts the rates only when trusted', () => {
  const open = load(SHOP, { SLUICE_GATE_HOST: '0.0.0.0' });
  assert.deepEqual(
    [open.profile, open.limits.messagesPerSecondMax, open.limits.addressConnectionsMax],
    ['internet', 20, 200],
  );
  const closed = load(SHOP, { SLUICE_GATE_HOST: '127.0.0.2' });
  assert.deepEqual(
    [closed.profile, closed.limits.messagesPerSecondMax, closed.limits.addressConnectionsMax],
    ['trusted', 0, 0],
  );
  const chosen = load(SHOP, { SLUICE_PROFILE: 'internet', SLUICE_LIMITS_MESSAGES_PER_SECOND_MAX: '5' });
  assert.deepEqual([chosen.profile, chosen.limits.messagesPerSecondMax], ['internet', 5]);
});

test('T19: the HTTP side does not leave loopback without a key', () => {
  assert.equal(problemsOf(SHOP, { SLUICE_API_HOST: '0.0.0.0' })[0]?.key, 'api.host');
  assert.equal(load(SHOP, { SLUICE_API_HOST: '0.0.0.0', SLUICE_API_KEY: 'sixteen bytes ok' }).api.host, '0.0.0.0');
  assert.equal(problemsOf(SHOP, { SLUICE_API_KEY: '' })[0]?.key, 'api.key');
});

test('the gate does not leave loopback with the development key', () => {
  assert.equal(problemsOf(undefined, { SLUICE_GATE_HOST: '0.0.0.0' })[0]?.key, 'gate.host');
});

test('limits that contradict each other are refused', () => {
  const soft = problemsOf(undefined, { SLUICE_GATE_OUTBOX_SOFT_BYTES: '2000000' });
  assert.match(soft[0]?.allowed ?? '', /no more than gate\.outboxHardBytes/);
});

test('a refused secret is not repeated', () => {
  const [problem] = problemsOf(SHOP, { SLUICE_API_KEY: 'too short' });
  assert.deepEqual([problem?.key, problem?.value], ['api.key', undefined]);
});

test('every option has a value in the loaded configuration', () => {
  const config = load();
  for (const key of OPTION_KEYS) assert.notEqual(valueIn(config, key), undefined, key);
});

test('addresses of servers are host:port or paths of sockets, as a list or with commas', () => {
  const servers = (text: string) => load(undefined, {}, { 'redis.servers': text }).redis.servers;
  assert.deepEqual(load().redis.servers, ['127.0.0.1:6379']);
  assert.deepEqual(servers('10.0.0.1:7000, redis.local:7001'), ['10.0.0.1:7000', 'redis.local:7001']);
  assert.deepEqual(servers('[::1]:6379,/run/redis.sock'), ['[::1]:6379', '/run/redis.sock']);
  const listed = load(`[redis]\nservers = ["a:1", "b:2"]\n${SHOP}`);
  assert.deepEqual(listed.redis.servers, ['a:1', 'b:2']);
  for (const wrong of ['redis', 'redis:0', 'redis:65536', '::1:6379', 'a:1,,b:2', '']) {
    const [problem] = problemsOf(undefined, {}, { 'redis.servers': wrong });
    assert.equal(problem?.key, 'redis.servers', wrong);
  }
});

test('a command to Redis may not outlast the lease that depends on it', () => {
  const [problem] = problemsOf(undefined, {}, { 'redis.leaseMs': '500', 'redis.commandTimeoutMs': '501' });
  assert.equal(problem?.key, 'redis.commandTimeoutMs');
  assert.equal(load(undefined, {}, { 'redis.leaseMs': '500', 'redis.commandTimeoutMs': '500' }).redis.leaseMs, 500);
});

const TRUNK_SECRET = 'a trunk secret of 32 bytes and more';

for (const [key, value] of [
  ['trunk.listen', '0.0.0.0:7500'],
  ['trunk.logics', '127.0.0.1:7500,10.0.0.1:7500'],
] as const) {
  test(`T19: ${key} on a network needs trunk.secret`, () => {
    assert.deepEqual(
      problemsOf(SHOP, {}, { [key]: value }).map((problem) => [problem.key, problem.allowed]),
      [[key, 'loopback addresses, or set trunk.secret (or trunk.secretFile) as well']],
    );
    const config = load(SHOP, {}, { [key]: value, 'trunk.secret': TRUNK_SECRET });
    assert.equal(config.trunk.secret, TRUNK_SECRET);
    load(undefined, {}, { [key]: '127.0.0.1:7500' });
  });
}

test('T26: nothing configured and logic on a network: the development key must not meet it', () => {
  const flags = { 'trunk.listen': '0.0.0.0:7500', 'trunk.secret': TRUNK_SECRET };
  assert.deepEqual(
    problemsOf(undefined, {}, flags).map(({ key }) => key),
    ['trunk.listen'],
  );
});

test('who checks no credentials needs no apps, not in a file and not to listen on a network', () => {
  const flags = { 'gate.host': '0.0.0.0' };
  const file = fileWith('[gate]\nport = 1001\n');
  assert.equal(loadConfig({ file, env: {}, flags, directory: folder, appsOptional: true }).gate.port, 1001);
  assert.throws(() => loadConfig({ file, env: {}, flags, directory: folder }), ConfigError);
});

test('T19: admin.host on a network needs admin.key', () => {
  const flags = { 'admin.host': '0.0.0.0' };
  assert.deepEqual(
    problemsOf(undefined, {}, flags).map(({ key, allowed }) => [key, allowed]),
    [['admin.host', 'a loopback address, or set admin.key as well']],
  );
  load(undefined, {}, { ...flags, 'admin.key': 'sixteen bytes or more' });
});

test('the trunk secret comes from a file as well, without the white space around it', () => {
  const path = join(folder, 'trunk-secret');
  writeFileSync(path, `${TRUNK_SECRET}\n`);
  assert.equal(load(undefined, {}, { 'trunk.secretFile': path }).trunk.secret, TRUNK_SECRET);
});

test('T26: a trunk secret file that is missing, short, or given beside a secret is refused', () => {
  const path = join(folder, 'short-secret');
  writeFileSync(path, ' short \n');
  for (const flags of [
    { 'trunk.secretFile': join(folder, 'missing') },
    { 'trunk.secretFile': path },
    { 'trunk.secretFile': path, 'trunk.secret': TRUNK_SECRET },
  ]) {
    const problems = problemsOf(undefined, {}, flags);
    assert.ok(problems.every(({ key }) => key === 'trunk.secretFile'));
  }
});

test('a certificate of the trunk needs its key', () => {
  assert.deepEqual(
    problemsOf(undefined, {}, { 'trunk.tlsCert': '/tmp/cert.pem' }).map(({ key }) => key),
    ['trunk.tlsCert'],
  );
});
