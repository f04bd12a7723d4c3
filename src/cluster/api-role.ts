/** Puts the HTTP process together. */
import { Api } from '../api/api.ts';
import { randomHex } from '../clock/random.ts';
import { Iplist } from '../iplist/iplist.ts';
import { aggregate, METRICS_CONTENT_TYPE } from '../metrics/aggregate.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { knownGates } from './gate-source.ts';
import { knownLogics } from './known-logics.ts';
import { registryClient } from './registry-client.ts';
import { listenProblem, type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';
import { trunkAccess, trunkTransport } from './trunk-ends.ts';

const BOOT_ID_BYTES = 8;

export async function startApi(context: RoleContext): Promise<RunningRole> {
  const { channel, clock, random, log, metrics, start } = context;
  const { config } = start;
  const registry = await registryClient(context);
  const gates = knownGates(context, registry);
  const iplist = new Iplist({
    random,
    gates,
    gatesMax: config.iplist.gatesMax,
    times: { ...config.iplist, heartbeatMs: config.gate.heartbeatMs },
  });
  const queue = config.store.engine === 'redis' ? (await import('./redis-bus.ts')).pushQueue(context) : undefined;
  const api = new Api({
    ...(queue === undefined ? {} : { queue }),
    clock,
    random,
    host: config.api.host,
    port: start.httpPort,
    key: config.api.key,
    trunk: {
      transport: trunkTransport(config),
      clock,
      random,
      log,
      logics: knownLogics(context, registry),
      times: config.trunk,
      access: trunkAccess(context),
      name: 'api',
      bootId: randomHex(random, BOOT_ID_BYTES),
    },
    iplist: {
      limits: { ...config.iplist, addressExempt: config.limits.addressExempt },
      find: (app, uid) => iplist.answer(app, uid),
    },
    metricsText: async () => {
      const [own, others] = await Promise.all([metrics.metricsAsJson(), channel.collectMetrics()]);
      return aggregate([own, ...others]);
    },
    metricsContentType: METRICS_CONTENT_TYPE,
    gatesListening: () => (start.part === 'all' ? channel.status.gatesListening : undefined),
    stopping: () => channel.status.stopping,
    drain: () => channel.drain(),
    onFault: (error) => log.error({ error: String(error) }, 'a request failed by our fault'),
  });
  apiMetrics(metrics, api);
  const port = await api.start().catch((error: unknown) => {
    const problem = listenProblem(error, config.api.host, start.httpPort, 'api.port');
    throw problem === undefined ? error : new RoleStartError(problem);
  });
  queue?.start();
  const stop = async (): Promise<void> => {
    await api.stop();
    gates.stop();
    queue?.stop();
    registry?.redis.close();
  };
  return { port, stop, orphaned: () => Promise.resolve() };
}

function apiMetrics(metrics: Metrics, api: Api): void {
  metrics.gaugeFrom('sluice_api_pushes_outstanding', 'Pushes that wait for an answer.', () => api.link.outstanding);
  metrics.gaugeFrom('sluice_api_logic_up', '1 while the owner of any partition is known.', () => Number(api.link.up));
  metrics.labelledCounterFrom(
    'sluice_api_iplist_total',
    'Answers of /v1/iplist.',
    'outcome',
    () => api.iplist.outcomes,
  );
}
