/** Puts the HTTP side of `sluice gate` and `sluice logic` together. */
import { Admin } from '../api/admin.ts';
import { aggregate, METRICS_CONTENT_TYPE } from '../metrics/aggregate.ts';
import { listenProblem, type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';

export async function startAdmin(context: RoleContext): Promise<RunningRole> {
  const { channel, clock, log, metrics, start } = context;
  const { config, part, httpPort } = start;
  const { host, key } = config.admin;
  const admin = new Admin({
    clock,
    host,
    port: httpPort,
    key,
    stopping: () => channel.status.stopping,
    obstacles: () => (part === 'logic' ? logicObstacles(channel.status) : gateObstacles(channel.status)),
    metricsText: async () => {
      const [own, others] = await Promise.all([metrics.metricsAsJson(), channel.collectMetrics()]);
      return aggregate([own, ...others]);
    },
    metricsContentType: METRICS_CONTENT_TYPE,
    drain: () => channel.drain(),
    onFault: (error) => log.error({ error: String(error) }, 'a request failed by our fault'),
  });
  const port = await admin.start().catch((error: unknown) => {
    const problem = listenProblem(error, host, httpPort, part === 'logic' ? 'admin.logicPort' : 'admin.gatePort');
    throw problem === undefined ? error : new RoleStartError(problem);
  });
  return { port, stop: () => admin.stop(), orphaned: () => Promise.resolve() };
}

function gateObstacles({ gatesListening, gatesLinked }: RoleContext['channel']['status']): string[] {
  return [
    ...(gatesListening > 0 ? [] : ['no gate is listening']),
    ...(gatesLinked > 0 ? [] : ['no gate has a link to logic']),
  ];
}

function logicObstacles({ logicReady }: RoleContext['channel']['status']): string[] {
  return logicReady ? [] : ['logic does not run'];
}
