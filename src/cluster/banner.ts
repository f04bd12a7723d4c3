/** The few lines that `sluice start`, `gate`, `logic` and `api` print once everything is ready. */
import type { Config } from '../config/config.ts';
import type { SystemPart } from './system-part.ts';

export interface BannerFacts {
  readonly config: Config;
  readonly part: SystemPart;
  readonly gatePort: number;
  readonly httpPort: number;
  readonly gates: number;
  readonly dataDirectory: string;
}

export function banner(facts: BannerFacts): string {
  return `${(facts.part === 'all' ? wholeSystem(facts) : oneRole(facts)).join('\n')}\n`;
}

function wholeSystem(facts: BannerFacts): string[] {
  const { config, gatePort, httpPort } = facts;
  const app = config.apps[0]?.id ?? 'demo';
  // A port from the configuration is found by the commands themselves.
  const port = gatePort === config.gate.port ? '' : ` --port ${gatePort}`;
  const lines = [
    'Sluice is running. Ctrl-C stops it.',
    clients(facts),
    `  HTTP        http://${hostPort(config.api.host, httpPort)} (POST /v1/push, /metrics, /readyz)`,
    ...data(facts),
  ];
  if (config.developmentMode) {
    lines.push('warning: nothing is configured: the app "demo" exists, with a key that everybody knows');
  }
  lines.push(
    'Type next, in another terminal:',
    `  npx sluice listen --app ${app} --uid bob${port}`,
    `  npx sluice send --app ${app} --uid alice --to bob --text "hi"${port}`,
    `  npx sluice token --app ${app} --uid alice`,
  );
  return lines;
}

function oneRole(facts: BannerFacts): string[] {
  const { config, part, httpPort } = facts;
  const { host } = part === 'api' ? config.api : config.admin;
  const logics = config.trunk.logics.length > 0 ? config.trunk.logics.join(', ') : 'the one of this machine';
  const own: Record<Exclude<SystemPart, 'all'>, () => string[]> = {
    gate: () => [clients(facts), `  logic       ${logics}`],
    logic: () => [
      `  trunk       ${config.trunk.listen.length > 0 ? config.trunk.listen.join(', ') : 'this machine only'}`,
      ...data(facts),
    ],
    api: () => [`  logic       ${logics}`],
  };
  return [
    `Sluice ${part} is running. Ctrl-C stops it.`,
    ...(part === 'all' ? [] : own[part]()),
    `  HTTP        http://${hostPort(host, httpPort)} (${part === 'api' ? 'POST /v1/push, ' : ''}/metrics, /readyz)`,
  ];
}

function clients({ config, gatePort, gates }: BannerFacts): string {
  return `  clients     ${hostPort(config.gate.host, gatePort)}, ${gates} gate process${gates === 1 ? '' : 'es'}`;
}

function data({ config, dataDirectory }: BannerFacts): string[] {
  const onRedis = config.store.engine === 'redis';
  return [
    `  data        ${onRedis ? `Redis at ${config.redis.servers.join(', ')}` : dataDirectory}`,
    `  durability  ${onRedis ? 'as Redis is set up; the log says how' : config.store.durability}`,
  ];
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
