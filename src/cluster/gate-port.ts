/**
 * The port that all gates share, settled before the first one starts: one chosen by the system must stay the same when
 * gates are replaced, and workers that bind a port several times would share it with a stranger who does the same.
 */
import type { Config } from '../config/config.ts';
import { NodeTransport } from '../net/node-transport.ts';
import type { AcceptHandler } from '../net/transport.ts';
import { listenProblem, RoleStartError } from './running-role.ts';

const refuseAll: AcceptHandler = {
  onAccepted: (stream) => stream.destroy(),
  onBytes: () => {},
  onDrain: () => {},
  onClosed: () => {},
};

/** `sharedWithOrphans`: gates of a killed primary still hold the port. @throws RoleStartError when it is taken. */
export async function settleGatePort(config: Config, sharedWithOrphans: boolean): Promise<number> {
  const { host, port } = config.gate;
  if (port !== 0 && sharedWithOrphans) return port;
  try {
    const listener = await new NodeTransport().listen({ host, port }, refuseAll);
    await listener.close();
    return listener.port;
  } catch (error) {
    const problem = listenProblem(error, host, port, 'gate.port');
    throw problem === undefined ? error : new RoleStartError(problem);
  }
}
