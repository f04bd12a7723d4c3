/** The CONNECT of a client of the bench. */
import {
  CredentialType,
  Intent,
  type MessagePackWriter,
  PROTOCOL_VERSION,
  writeConnect,
} from '../../src/protocol/index.ts';
import type { SluiceConnection } from './sluice-connection.ts';
import type { SluiceTarget } from './sluice-handler.ts';

export function writeLogin(
  writer: MessagePackWriter,
  connection: SluiceConnection,
  target: SluiceTarget,
  nowMs: number,
): void {
  writeConnect(writer, connection.nextRequest(), {
    version: PROTOCOL_VERSION,
    app: target.app,
    uid: connection.uid,
    credentialType: CredentialType.Token,
    credential: target.tokens.make(connection.uid, nowMs),
    deviceType: 'bench',
    deviceId: connection.deviceId,
    intent: Intent.Fresh,
    lastGeneration: 0,
    epoch: connection.epoch,
    lastSeq: connection.seq,
    capabilities: 0,
    agent: 'bench',
  });
}
