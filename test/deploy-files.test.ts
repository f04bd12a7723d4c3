/** The files of `deploy/` say what the program understands, and agree with each other and with the Dockerfile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseAddress } from '../src/config/addresses.ts';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { repositoryPath } from '../tools/generated-file.ts';
import { composeServices, envFile, roleEnvironment, SECRET_FILES } from './support/deploy-environment.ts';
import { parseYaml, type Yaml } from './support/yaml.ts';

type Table = { [key: string]: Yaml };

const GATE_PORT = 7400;
const TRUNK_PORT = 7500;
/** Beyond the drain: the last connections are cut after a second, then the processes end one after another. */
const END_MS = 5000;

const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
after(() => rmSync(folder, { recursive: true, force: true }));
execFileSync(repositoryPath('deploy/make-secrets.sh'), [join(folder, 'secrets')]);

function table(value: Yaml | undefined): Table {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `a table: ${JSON.stringify(value)}`);
  return value;
}

function list(value: Yaml | undefined): Yaml[] {
  assert.ok(Array.isArray(value), `a list: ${JSON.stringify(value)}`);
  return value;
}

function read(name: string): string {
  return readFileSync(repositoryPath(name), 'utf8');
}

/** The configuration that a role has with these variables, its secret files in place. */
function configOf(role: string, env: Readonly<Record<string, string>>): Config {
  return loadConfig({
    env: roleEnvironment(env, join(folder, 'secrets')),
    directory: folder,
    appsOptional: role !== 'logic',
  });
}

function httpPortOf(role: string, config: Config): number {
  return role === 'gate' ? config.admin.gatePort : role === 'logic' ? config.admin.logicPort : config.api.port;
}

function seconds(value: Yaml | undefined): number {
  const [, amount] = /^(\d+)s$/.exec(String(value)) ?? [];
  return Number(amount);
}

it('the secrets are made once, and of a length that the configuration accepts', () => {
  const made = join(folder, 'secrets');
  assert.deepEqual(readdirSync(made).sort(), ['keys.env', 'redis.env', 'sluice.toml', 'trunk-secret']);
  assert.equal(statSync(made).mode & 0o777, 0o700);
  assert.throws(() => execFileSync(repositoryPath('deploy/make-secrets.sh'), [made], { stdio: 'pipe' }));
  const again = join(folder, 'again');
  execFileSync(repositoryPath('deploy/make-secrets.sh'), [again]);
  for (const name of readdirSync(made)) {
    assert.notEqual(readFileSync(join(made, name), 'utf8'), readFileSync(join(again, name), 'utf8'), name);
  }
});

describe('deploy/compose.yaml', () => {
  const services = table(table(parseYaml(read('deploy/compose.yaml'))[0])['services']);

  const environments = composeServices(folder);

  function environment(name: string): Readonly<Record<string, string>> {
    return environments.get(name)?.env ?? {};
  }

  it('has redis, two logics, two gates and an api', () => {
    assert.deepEqual(Object.keys(services), ['redis', 'logic-1', 'logic-2', 'gate-1', 'gate-2', 'api']);
  });

  for (const name of ['logic-1', 'logic-2', 'gate-1', 'gate-2', 'api']) {
    it(`${name}: its variables are a configuration, its ports and times those of that`, () => {
      const service = table(services[name]);
      const [role] = list(service['command']).map(String) as [string];
      assert.equal(role, name.split('-')[0]);
      const env = environment(name);
      const config = configOf(role, env);
      assert.equal(Number(env['HEALTH_PORT'] ?? 7480), httpPortOf(role, config));
      const graceMs = 1000 * seconds(service['stop_grace_period']);
      assert.ok(graceMs >= (role === 'gate' ? config.gate.drainMs : 0) + END_MS, `${graceMs} ms`);
      for (const published of list(service['ports'] ?? [])) {
        const inside = Number(String(published).split(':').at(-1));
        assert.equal(inside, role === 'gate' ? config.gate.port : config.api.port);
      }
      const secrets = list(service['secrets']).map(String);
      assert.equal(secrets.includes('sluice.toml'), role === 'logic', 'only logic checks tokens');
      assert.ok(secrets.includes('trunk-secret'));
      assert.equal(config.store.engine, 'redis');
      assert.equal(config.apps[0]?.keys.length, 1);
    });
  }

  it('gates and api dial every logic where it listens, and Redis by the name of its service', () => {
    const { trunk, redis } = configOf('gate', environment('gate-1'));
    assert.deepEqual([...trunk.logics], ['logic-1:7500', 'logic-2:7500']);
    for (const name of ['logic-1', 'logic-2']) {
      assert.deepEqual(configOf('logic', environment(name)).trunk.listen, [`0.0.0.0:${TRUNK_PORT}`]);
    }
    assert.deepEqual([...redis.servers], ['redis:6379']);
    assert.equal(environment('redis')['REDIS_PASSWORD'], redis.password);
  });

  it('tells clients of each gate the port under which it is published', () => {
    for (const name of ['gate-1', 'gate-2']) {
      const [published] = list(table(services[name])['ports']).map(String);
      assert.equal(published, `${configOf('gate', environment(name)).gate.advertisePort}:${GATE_PORT}`);
    }
  });
});

describe('deploy/kubernetes', () => {
  const kustomization = table(parseYaml(read('deploy/kubernetes/kustomization.yaml'))[0]);
  const objects = list(kustomization['resources'])
    .flatMap((file) => parseYaml(read(`deploy/kubernetes/${file}`)))
    .map(table);

  function object(kind: string, name: string): Table {
    const found = objects.find((one) => one['kind'] === kind && table(one['metadata'])['name'] === name);
    assert.ok(found !== undefined, `${kind} ${name}`);
    return found;
  }

  function podOf(name: string): Table {
    const kind = name === 'sluice-logic' || name === 'sluice-redis' ? 'StatefulSet' : 'Deployment';
    return table(table(table(object(kind, name)['spec'])['template'])['spec']);
  }

  function containerOf(name: string): Table {
    return table(list(podOf(name)['containers'])[0]);
  }

  /** Of a name or number of a port. */
  function portOf(container: Table, port: Yaml | undefined): number {
    const named = list(container['ports'])
      .map(table)
      .find((one) => one['name'] === port);
    return Number(named?.['containerPort'] ?? port);
  }

  function environment(name: string): Record<string, string> {
    const config = table(object('ConfigMap', 'sluice')['data']);
    const own = list(containerOf(name)['env'] ?? []).map(table);
    return {
      ...Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
      ...envFile(readFileSync(join(folder, 'secrets/keys.env'), 'utf8')),
      ...Object.fromEntries(own.map((variable) => [String(variable['name']), String(variable['value'])])),
    };
  }

  it('names its files: all that are there, and no others', () => {
    const there = readdirSync(repositoryPath('deploy/kubernetes')).filter((name) => name.endsWith('.yaml'));
    assert.deepEqual(['kustomization.yaml', ...list(kustomization['resources']).map(String)].sort(), there.sort());
    const [keys, files] = list(kustomization['secretGenerator']).map(table) as [Table, Table];
    assert.deepEqual(keys['envs'], ['secrets/keys.env']);
    assert.deepEqual(
      files['files'],
      SECRET_FILES.map((name) => `secrets/${name}`),
    );
  });

  for (const role of ['logic', 'gate', 'api']) {
    const name = `sluice-${role}`;

    it(`${name}: its variables are a configuration, its ports those of that`, () => {
      const container = containerOf(name);
      assert.deepEqual(container['args'], [role]);
      const config = configOf(role, environment(name));
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        const { path, port } = table(table(container[probe])['httpGet']);
        assert.equal(path, probe === 'readinessProbe' ? '/readyz' : '/healthz');
        assert.equal(portOf(container, port), httpPortOf(role, config));
      }
      const [service] = list(table(object('Service', name)['spec'])['ports']).map(table) as [Table];
      const serves = { logic: TRUNK_PORT, gate: config.gate.port, api: config.api.port }[role];
      assert.equal(service['port'], serves);
      assert.equal(portOf(container, service['targetPort']), serves);
    });

    it(`${name}: ends within its grace period, as nobody in particular, within limits`, () => {
      const pod = podOf(name);
      const container = containerOf(name);
      const config = configOf(role, environment(name));
      const preStop = table(table(container['lifecycle'] ?? { preStop: {} })['preStop']);
      const command = list(table(preStop['exec'] ?? { command: [] })['command']).join(' ');
      const sleepMs = 1000 * Number(/sleep (\d+)/.exec(command)?.[1] ?? 0);
      if (role === 'gate') assert.match(command, /dist\/src\/cli\/main\.js drain gate$/);
      const drainMs = role === 'gate' ? config.gate.drainMs : 0;
      assert.ok(1000 * Number(pod['terminationGracePeriodSeconds']) >= sleepMs + drainMs + END_MS);
      assert.equal(table(pod['securityContext'])['runAsNonRoot'], true);
      assert.equal(table(container['securityContext'])['allowPrivilegeEscalation'], false);
      assert.equal(pod['enableServiceLinks'], false, 'services would set variables of the configuration');
      for (const kind of ['requests', 'limits']) {
        assert.ok(table(table(container['resources'])[kind])['memory'] !== undefined, kind);
      }
    });

    it(`${name}: has the secret files that it needs, and no others`, () => {
      const volume = list(podOf(name)['volumes'])
        .map(table)
        .find((one) => one['name'] === 'files');
      const items = list(table(volume?.['secret'])['items']).map((item) => table(item)['key']);
      assert.deepEqual(items, role === 'logic' ? [...SECRET_FILES] : ['trunk-secret']);
    });

    it(`${name}: a selector finds its pods`, () => {
      const selector = table(table(object('Service', name)['spec'])['selector']);
      const kind = role === 'logic' ? 'StatefulSet' : 'Deployment';
      const spec = table(object(kind, name)['spec']);
      assert.deepEqual(table(table(spec['template'])['metadata'])['labels'], selector);
      assert.deepEqual(table(spec['selector'])['matchLabels'], selector);
      assert.deepEqual(table(table(object('PodDisruptionBudget', name)['spec'])['selector'])['matchLabels'], selector);
    });
  }

  it('the list of logics has each replica under the name that the headless service gives it', () => {
    const { replicas, serviceName } = table(object('StatefulSet', 'sluice-logic')['spec']);
    const { clusterIP } = table(object('Service', String(serviceName))['spec']);
    assert.equal(clusterIP, 'None');
    const config = configOf('gate', environment('sluice-gate'));
    const names = Array.from({ length: Number(replicas) }, (_, i) => `sluice-logic-${i}.${serviceName}:${TRUNK_PORT}`);
    assert.deepEqual([...config.trunk.logics], names);
  });

  it('Redis keeps everything, evicts nothing, and is where the roles dial', () => {
    const args = list(containerOf('sluice-redis')['args']).join(' ');
    assert.match(args, /--appendonly yes --appendfsync always --maxmemory-policy noeviction --requirepass/);
    const [server] = configOf('logic', environment('sluice-logic')).redis.servers.map(parseAddress);
    const [service] = list(table(object('Service', 'sluice-redis')['spec'])['ports']).map(table) as [Table];
    assert.deepEqual(server, { host: 'sluice-redis', port: Number(service['port']) });
  });
});

describe('the Dockerfile', () => {
  const text = read('Dockerfile');

  it('builds in one stage, runs in another, as a user without rights, the whole system by default', () => {
    assert.equal([...text.matchAll(/^FROM /gm)].length, 2);
    assert.match(text, /^USER node$/m);
    assert.match(text, /^CMD \["start"\]$/m);
    assert.ok(text.indexOf('\nUSER ') < text.indexOf('\nENTRYPOINT '));
  });

  it('exposes the ports of all roles', () => {
    const { gate, api, admin } = loadConfig({ env: {}, directory: folder });
    const ports = [gate.port, api.port, admin.gatePort, admin.logicPort, TRUNK_PORT];
    assert.match(text, new RegExp(`^EXPOSE ${ports.join(' ')}$`, 'm'));
  });
});
