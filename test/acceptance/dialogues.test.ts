/** Every golden dialogue of the protocol's specification, played against the whole system over real sockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SystemClock } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../../src/config/apps.ts';
import { mintToken } from '../../src/logic/authentication/mint-token.ts';
import type { TokenKind } from '../../tools/vectors/dialogue-steps.ts';
import { type DialogueWorld, loadDialogues, runDialogue } from '../support/dialogue.ts';
import { type System, startSystem } from '../support/system.ts';

const HOUR_MS = 3_600_000;
/** For one dialogue: a server that says nothing more fails it. */
const SILENCE_MS_MAX = 20_000;
const ANOTHER_SECRET = 'another-secret-of-enough-length-for-HS256';
const clock = new SystemClock();

async function tokenOf(uid: string, kind: TokenKind): Promise<string> {
  const nowMs = clock.wallMs();
  const good = { app: DEVELOPMENT_APP_ID, uid, secret: DEVELOPMENT_SECRET, issuedAtMs: nowMs, lifetimeMs: HOUR_MS };
  switch (kind) {
    case 'wrong-signature':
      return mintToken({ ...good, secret: ANOTHER_SECRET });
    case 'expired':
      return mintToken({ ...good, issuedAtMs: nowMs - 2 * HOUR_MS });
    case 'other-user':
      return mintToken({ ...good, uid: `not-${uid}` });
    case 'other-app':
      return mintToken({ ...good, app: 'another-app' });
    case 'lifetime-too-long':
      return mintToken({ ...good, lifetimeMs: 365 * 24 * HOUR_MS });
    case 'alg-none': {
      const [, claims] = (await mintToken(good)).split('.');
      return `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${claims}.`;
    }
    default:
      return mintToken(good);
  }
}

describe('the golden dialogues against the running system', () => {
  let system: System;
  before(async () => {
    system = await startSystem({ workers: 1 });
  });
  after(async () => {
    await system.stop();
  });

  async function dial(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: system.gatePort, noDelay: true });
    // The end of the stream tells what happened; a reset may follow it.
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  for (const [index, dialogue] of loadDialogues().entries()) {
    it(dialogue.name, async () => {
      const world: DialogueWorld = {
        app: DEVELOPMENT_APP_ID,
        uid: (name) => `${name}-${index}`,
        token: tokenOf,
        signal: AbortSignal.timeout(SILENCE_MS_MAX),
      };
      await runDialogue(dialogue, dial, world);
    });
  }
});
