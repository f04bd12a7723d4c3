/** What is wrong with a CONNECT by itself, before anybody is asked. */
import { isIdentifier } from '../model/ids.ts';
import {
  CloseReason,
  type ConnectBody,
  CREDENTIAL_BYTES_MAX,
  MessagePackReader,
  PROTOCOL_VERSION,
} from '../protocol/index.ts';
import { isIntent } from './login-attempt.ts';

/** @param connect what was read from `bytes[start, end)` */
export function connectFault(
  connect: ConnectBody | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): CloseReason | undefined {
  if (connect === undefined || connect.version !== PROTOCOL_VERSION) {
    const known = versionOf(bytes, start, end) === PROTOCOL_VERSION;
    return known ? CloseReason.MalformedBody : CloseReason.UnsupportedVersion;
  }
  const { app, uid, deviceType, deviceId, credential, intent } = connect;
  for (const name of [app, uid, deviceType, deviceId]) if (!isIdentifier(name)) return CloseReason.MalformedBody;
  if (Buffer.byteLength(credential) > CREDENTIAL_BYTES_MAX) return CloseReason.MalformedBody;
  return isIntent(intent) ? undefined : CloseReason.ProtocolError;
}

/** The version stands first in the CONNECT of every version. Ours when there is none: the body is malformed then. */
function versionOf(bytes: Buffer, start: number, end: number): number {
  const reader = new MessagePackReader().reset(bytes, start, end);
  reader.arrayHeader();
  const version = reader.uint(0xff);
  return reader.failed ? PROTOCOL_VERSION : version;
}
