/** The few lines that `sluice start` prints. */
import type { Config } from '../config/config.ts';

export interface BannerFacts {
  readonly config: Config;
  readonly gatePort: number;
  readonly apiPort: number;
  readonly gates: number;
  readonly dataDirectory: string;
}

export function banner(facts: BannerFacts): string {
  const { config, gatePort, apiPort, gates } = facts;
  const app = config.apps[0]?.id ?? 'demo';
  // A port from the configuration is found by the commands themselves.
  const port = gatePort === config.gate.port ? '' : ` --port ${gatePort}`;
  const onRedis = config.store.engine === 'redis';
  const lines = [
    'Sluice is running. Ctrl-C stops it.',
    `  clients     ${hostPort(config.gate.host, gatePort)}, ${gates} gate process${gates === 1 ? '' : 'es'}`,
    `  HTTP        http://${hostPort(config.api.host, apiPort)} (POST /v1/push, /metrics, /readyz)`,
    `  data        ${onRedis ? `Redis at ${config.redis.servers.join(', ')}` : facts.dataDirectory}`,
    `  durability  ${onRedis ? 'as Redis is set up; the log says how' : config.store.durability}`,
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
  return `${lines.join('\n')}\n`;
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
