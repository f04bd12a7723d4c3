/** Logins, good and bad, and who is current after them. */
import { CloseReason } from '../../src/protocol/generated/protocol.ts';
import {
  any,
  closes,
  connack,
  connect,
  type Dialogue,
  type DialogueBody,
  dialogue,
  end,
  expect,
  login,
  open,
  pingPong,
  same,
  send,
  sendack,
  sendBytes,
  sendTo,
  type TokenKind,
} from './dialogue-steps.ts';

const badLogin = (name: string, shows: string, reason: number, changes: DialogueBody): Dialogue =>
  dialogue(name, shows, open('a'), connect('a', 'alice', changes), closes('a', reason));

const badToken = (kind: TokenKind, reason: number): Dialogue =>
  badLogin(`login with a token: ${kind}`, 'S-TOKEN-5', reason, { credential: { token: 'alice', kind } });

const badStart = (name: string, hex: string, reason: number, shows: string): Dialogue =>
  dialogue(name, shows, open('a'), sendBytes('a', hex), closes('a', reason));

export const LOGIN_DIALOGUES: readonly Dialogue[] = [
  dialogue(
    'login of a new user',
    'S-LOGIN-1 S-LOGIN-8',
    open('a'),
    connect('a', 'alice'),
    connack('a', { head: 0, cursor: 0 }),
    end('a'),
  ),
  badStart('a PING comes first', '000001 02 00000001 90', CloseReason.NotLoggedIn, 'S-LOGIN-1 S-LOGIN-4'),
  badStart('an unknown command comes first', '000001 3f 00000001 90', CloseReason.NotLoggedIn, 'S-LOGIN-1'),
  badStart('length 0 comes first', '000000 01 00000001', CloseReason.MalformedFrame, 'S-FRAME-3'),
  badStart('4097 bytes are announced before login', '001001 01 00000001', CloseReason.FrameTooLarge, 'S-FRAME-3'),
  badStart('an HTTP request', '474554202f20485454502f312e310d0a0d0a', CloseReason.FrameTooLarge, 'S-FRAME-3'),
  badStart('a CONNECT that is a map', '000001 01 00000001 80', CloseReason.MalformedBody, 'S-BODY-1'),
  dialogue(
    'a frame follows CONNECT before CONNACK',
    'S-LOGIN-2',
    open('a'),
    connect('a', 'alice'),
    send('a', 'PING', 2, {}),
    closes('a', CloseReason.NotLoggedIn),
  ),
  badLogin('login with an unknown version', 'S-GROW-4', CloseReason.UnsupportedVersion, { version: 99 }),
  badLogin('login with text that is no token', 'S-TOKEN-5', CloseReason.CredentialInvalid, { credential: 'x' }),
  badLogin('login with a made-up ticket', 'S-RESUME-4', CloseReason.CredentialInvalid, {
    credentialType: 1,
    credential: 'x'.repeat(43),
  }),
  badToken('wrong-signature', CloseReason.CredentialInvalid),
  badToken('alg-none', CloseReason.CredentialInvalid),
  badToken('other-user', CloseReason.CredentialInvalid),
  badToken('other-app', CloseReason.CredentialInvalid),
  badToken('lifetime-too-long', CloseReason.CredentialInvalid),
  badToken('expired', CloseReason.CredentialExpired),
  dialogue(
    'a second CONNECT',
    'S-LOGIN-5',
    login('a', 'alice'),
    connect('a', 'alice'),
    closes('a', CloseReason.AlreadyLoggedIn),
  ),
  dialogue(
    'login to send only',
    'S-LOGIN-10',
    login('a', 'alice'),
    open('b'),
    connect('b', 'alice', { capabilities: 1, deviceId: 'tool1' }),
    connack('b', { generation: 0 }),
    sendTo('b', 3, 'bob', 'c1', 'one'),
    sendack('b', 3, any('u64'), false),
    end('b'),
    end('a'),
  ),
];

export const SESSION_DIALOGUES: readonly Dialogue[] = [
  dialogue(
    'another device of the same type takes over',
    'S-SESSION-1 S-SESSION-2 S-SESSION-4',
    login('a', 'alice'),
    login('b', 'alice', { deviceId: 'phone2' }),
    expect('a', 'KICK', 0, { reason: CloseReason.Replaced, deviceType: 'phone' }),
    closes('a', CloseReason.Replaced),
    open('c'),
    connect('c', 'alice', { intent: 1, lastGeneration: same('a.generation') }),
    closes('c', CloseReason.Replaced),
    pingPong('b', 0),
    end('b'),
  ),
  dialogue(
    'the same device comes back on another connection',
    'S-SESSION-5',
    login('a', 'alice'),
    login('b', 'alice', { intent: 1, lastGeneration: same('a.generation') }),
    closes('a', CloseReason.Superseded),
    pingPong('b', 0),
    end('b'),
  ),
  dialogue(
    'devices of two types stay side by side',
    'S-SESSION-1',
    login('a', 'alice'),
    login('b', 'alice', { deviceType: 'desktop', deviceId: 'desktop1' }),
    pingPong('a', 0),
    pingPong('b', 0),
    end('a'),
    end('b'),
  ),
];
