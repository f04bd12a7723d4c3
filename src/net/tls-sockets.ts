/**
 * TLS under a stream. The accepting end shows a certificate; the dialling end checks it against the authorities that it
 * was given, and against nothing else. Neither end asks for a certificate of the dialling one: who that is, is shown
 * above this layer.
 *
 * An accepted stream is handed on before its handshake, so that whoever bounds strangers bounds this too; what is written
 * meanwhile waits. A handshake that fails ends the stream.
 */
import type * as net from 'node:net';
import * as tls from 'node:tls';

/** PEM texts. What is left out is not used: a listener needs `cert` and `key`, a dialer `ca`. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  /** The name that the certificate must have; the dialled host by default. */
  readonly serverName?: string;
}

const VERSION_MIN = 'TLSv1.2';

/** A listener's side; undefined without a certificate. @throws when the texts are not PEM */
export function acceptTls(files: TlsFiles): ((socket: net.Socket) => net.Socket) | undefined {
  const { cert, key } = files;
  if (cert === undefined || key === undefined) return undefined;
  const secureContext = tls.createSecureContext({ cert, key, minVersion: VERSION_MIN });
  return (socket) => {
    // The wrapper below gets the bytes; an error of the bare socket must not be anybody's end but its own.
    socket.on('error', () => {});
    return new tls.TLSSocket(socket, { isServer: true, secureContext });
  };
}

/** Starts to dial; the socket says `secureConnect` when the peer is who it should be. */
export function dialTls(to: net.TcpNetConnectOpts, files: TlsFiles): net.Socket {
  const name = files.serverName ?? to.host ?? '';
  return tls.connect({
    ...to,
    ca: files.ca,
    minVersion: VERSION_MIN,
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
    ...(isAddress(name) ? {} : { servername: name }),
  });
}

/** Server name indication carries names only. */
function isAddress(name: string): boolean {
  return name.includes(':') || /^[\d.]+$/.test(name);
}
