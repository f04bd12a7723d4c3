/**
 * The real transport, over `node:net` and, where it is given certificates, `node:tls`.
 *
 *     net.Socket ──[STREAM]──▶ NodeStream ──▶ handler (one for all streams of a listener) ──▶ owner's tables by `slot`
 *                ◀──#socket───
 *
 * Cost. A connection owns its `net.Socket` and one wrapper; the event handlers are functions of this module that find
 * the wrapper through a property of the socket, so there is no closure per connection, no timer and no address string.
 * Against a bare `net` server, as slopes between 2,000 and 8,000 idle connections on Node 20.20, medians of five runs
 * with a 1 MiB young generation: 772 → 860 bytes of JS heap (the wrapper: 88), 1,436 → 1,626 bytes of anonymous memory.
 * Single runs of the bare server alone range from 1,320 to 2,105 bytes of anonymous memory, so that its difference says
 * no more than its order of magnitude; with the default young generation it is 2,096 → 2,411
 * (`bench/idle-transport.ts`).
 *
 * Dialled streams read into one 64 KiB buffer that all of them share (`onread`): no allocation and no copy per read,
 * which is why bytes are valid during the call only. `node:net` offers that for dialled sockets alone; accepted ones
 * hand out a fresh buffer per read.
 *
 * `end` half-closes, then drops what still comes in and waits for the peer to close; a peer that never does is the
 * caller's to `destroy` after a deadline of its own. Closing with unread bytes would send RST, and the last frame,
 * which carries the close reason, could be lost with it.
 */
import { lstat, unlink } from 'node:fs/promises';
import * as net from 'node:net';
import { NodeStream, onConnect, onSharedRead, reportReads } from './node-stream.ts';
import { acceptTls, dialTls, type TlsFiles } from './tls-sockets.ts';
import type { AcceptHandler, Address, DialHandler, Listener, Stream, Transport } from './transport.ts';

/** sun_path holds 108 bytes with its end mark. */
export const UNIX_PATH_BYTES_MAX = 107;
const BACKLOG_DEFAULT = 4096;
const READ_BUFFER_BYTES = 64 * 1024;

type TcpAddress = Exclude<Address, { path: string }>;

/** Whether several processes can bind one port by themselves: Node ≥ 22.12 or ≥ 23.1 on a system that spreads. */
export function reusePortAvailable(
  version: string = process.versions.node,
  platform: string = process.platform,
): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const byRuntime = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return byRuntime && (platform === 'linux' || platform === 'freebsd');
}

export class NodeTransport implements Transport {
  /** Connections the system could not hand over, e.g. for want of file descriptors. */
  acceptErrors = 0;
  readonly #sharedRead: net.OnReadOpts = { buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES), callback: onSharedRead };

  readonly #tls: TlsFiles;

  /** @param files for addresses with a port; a unix socket stays within the machine, in the clear */
  constructor(files: TlsFiles = {}) {
    this.#tls = files;
  }

  async listen(address: Address, handler: AcceptHandler): Promise<Listener> {
    const secured = 'path' in address ? undefined : acceptTls(this.#tls);
    const server = net.createServer({ allowHalfOpen: false, noDelay: true }, (bare) => {
      const socket = secured?.(bare) ?? bare;
      // The wrapper attaches 'error' first: a peer may reset between accept and here.
      const stream = new NodeStream(socket, handler);
      handler.onAccepted(stream);
      reportReads(socket);
    });
    if ('path' in address) {
      assertUnixPath(address.path);
      await removeStaleSocket(address.path);
    }
    await bind(server, listenOptions(address));
    server.on('error', () => {
      this.acceptErrors += 1;
    });
    const bound = server.address();
    return new NodeListener(server, bound !== null && typeof bound === 'object' ? bound.port : 0);
  }

  dial(address: Address, handler: DialHandler): Stream {
    if (!('path' in address) && this.#tls.ca !== undefined) return this.#dialTls(address, handler);
    // The types know `onread` for `connect` only; the constructor is where it is read.
    const options = { allowHalfOpen: false, onread: this.#sharedRead };
    const socket = new net.Socket(options);
    const stream = new NodeStream(socket, handler);
    socket.on('connect', onConnect);
    if (!('path' in address)) socket.connect(dialOptions(address));
    else if (unixPathBytes(address.path) > UNIX_PATH_BYTES_MAX) socket.destroy(unixPathError(address.path));
    else socket.connect({ path: address.path });
    return stream;
  }

  #dialTls(address: TcpAddress, handler: DialHandler): Stream {
    const socket = dialTls(dialOptions(address), this.#tls);
    const stream = new NodeStream(socket, handler);
    socket.on('secureConnect', onConnect);
    reportReads(socket);
    return stream;
  }
}

class NodeListener implements Listener {
  readonly port: number;
  readonly #server: net.Server;

  constructor(server: net.Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  // The server's own callback would wait for every accepted stream to end; accepting stops at once.
  async close(): Promise<void> {
    this.#server.close();
  }
}

/**
 * `exclusive` keeps the cluster module from sharing one handle among its workers: a worker binds its own port copy or
 * path. Without `reusePort` the shared handle is what lets workers accept on one port.
 */
function listenOptions(address: Address): net.ListenOptions & { reusePort?: boolean } {
  if ('path' in address) return { path: address.path, backlog: BACKLOG_DEFAULT, exclusive: true };
  const { host, port, backlog = BACKLOG_DEFAULT } = address;
  const reusePort = address.reusePort === true && reusePortAvailable();
  return { host, port, backlog, exclusive: reusePort, ...(reusePort ? { reusePort } : {}) };
}

function dialOptions({ host, port, localAddress, localPort }: TcpAddress): net.TcpNetConnectOpts {
  const from = { ...(localAddress && { localAddress }), ...(localPort && { localPort }) };
  return { host, port, noDelay: true, ...from };
}

function bind(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function unixPathBytes(path: string): number {
  return Buffer.byteLength(path);
}

function unixPathError(path: string): Error {
  return new Error(
    `unix socket path has ${unixPathBytes(path)} bytes, the system allows ${UNIX_PATH_BYTES_MAX}: use a shorter folder (${path})`,
  );
}

function assertUnixPath(path: string): void {
  if (unixPathBytes(path) > UNIX_PATH_BYTES_MAX) throw unixPathError(path);
}

/** Removes what a killed process left behind: a socket file on which nobody listens. Anything else stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSocket() && !(await answers(path))) await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only a refused connection proves that nobody listens; a full backlog or missing rights do not.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
