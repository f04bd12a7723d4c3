/** Asks the system where a user's timeline ends. */
import { SluiceClient } from '../../src/client/index.ts';
import type { Clock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import type { Head } from './host-messages.ts';

const TOKEN_LIFETIME_MS = 3_600_000;

export async function headOf(clock: Clock, port: number, uid: string): Promise<Head> {
  const issuedAtMs = clock.wallMs();
  const claims = { app: DEVELOPMENT_APP_ID, uid, secret: DEVELOPMENT_SECRET };
  const client = new SluiceClient({
    host: '127.0.0.1',
    port,
    app: DEVELOPMENT_APP_ID,
    uid,
    deviceType: 'probe',
    deviceId: 'probe',
    sendOnly: true,
    token: () => mintToken({ ...claims, issuedAtMs, lifetimeMs: TOKEN_LIFETIME_MS }),
  });
  const connected = new Promise<Head>((resolve) => {
    client.on('connected', ({ epoch, head }) => resolve({ epoch, seq: head }));
  });
  await client.connect();
  const head = await connected;
  await client.close();
  return head;
}
