/**
 * The entry of every child process: `role-main.js <role> <index>`. Waits for the primary's start message, puts the role
 * together, and keeps it until it is told to stop.
 *
 * Ctrl-C reaches the whole process group: a child ignores it and waits for the primary's word. A gate also outlives the
 * primary: its clients stay connected.
 */
import cluster from 'node:cluster';
import { SystemClock } from '../clock/clock.ts';
import { SystemRandom } from '../clock/random.ts';
import { createLogger } from '../log/pino-logger.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { ChildRole } from './child-messages.ts';
import { exitOnFault } from './process-faults.ts';
import { processTitle } from './process-probe.ts';
import { processPort, RoleChannel } from './role-channel.ts';
import { RunDirectory } from './run-directory.ts';
import { type RoleContext, RoleStartError, type RunningRole } from './running-role.ts';

async function composeRole(role: ChildRole, context: RoleContext): Promise<RunningRole> {
  switch (role) {
    case 'gate':
      return (await import('./gate-role.ts')).startGate(context);
    case 'logic':
      return (await import('./logic-role.ts')).startLogic(context);
    case 'api':
      return (await import('./api-role.ts')).startApi(context);
    case 'admin':
      return (await import('./admin-role.ts')).startAdmin(context);
    default:
      throw new RoleStartError(`unknown role ${String(role)}`);
  }
}

async function main(role: ChildRole, index: number): Promise<void> {
  const isOne = role === 'api' || role === 'admin';
  const pidName = isOne ? role : `${role}-${index}`;
  process.title = processTitle(role, isOne ? undefined : index);
  // Without it the cluster module ends a worker whose primary dies.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  const clock = new SystemClock();
  const channel = new RoleChannel(processPort(), clock);
  // Until there is something to finish, the word to stop is easily obeyed.
  channel.listen({ stop: () => process.exit(0), closed: () => process.exit(0) });
  const start = await channel.started;
  const log = createLogger(start.config.log, { role, index }, clock);
  exitOnFault(log);
  const metrics = new Metrics();
  metrics.processMetrics(role, index);
  channel.serveMetrics(() => metrics.metricsAsJson());

  const run = new RunDirectory(start.dataDirectory, start.part);
  const context = { index, start, channel, clock, random: new SystemRandom(), log, metrics };
  const running = await composeRole(role, context).catch((error: unknown) => {
    if (!(error instanceof RoleStartError)) throw error;
    channel.failed(error.message);
    return undefined;
  });
  if (running === undefined) {
    log.flush();
    process.exitCode = 1;
    process.disconnect?.();
    return;
  }
  const end = async (reason: string): Promise<void> => {
    log.debug({ reason }, 'stopping');
    await running.stop();
    run.removePid(pidName, process.pid);
    log.flush();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  channel.listen({
    stop: () => void end('told to stop'),
    closed: () => void running.orphaned().then(() => end('the primary is gone')),
  });
  void running.unfit?.then(end);
  run.writePid(pidName, process.pid);
  channel.ready(running.port);
}

await main(process.argv[2] as ChildRole, Number(process.argv[3]));
