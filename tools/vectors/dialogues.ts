/** Conversations with a live server, step by step. Every run uses uids of its own, so that timelines begin empty. */
import { CloseReason, ErrorCode } from '../../src/protocol/generated/protocol.ts';
import {
  any,
  bytes,
  closes,
  connack,
  connect,
  type Dialogue,
  type DialogueBody,
  type DialogueStep,
  end,
  expect,
  login,
  message,
  open,
  pingPong,
  refused,
  same,
  send,
  sendack,
  sendBytes,
  sendTo,
  type TokenKind,
} from './dialogue-steps.ts';

const dialogue = (name: string, shows: string, ...steps: (DialogueStep | DialogueStep[])[]): Dialogue => ({
  name,
  shows: shows.split(' '),
  steps: steps.flat(),
});

const badLogin = (name: string, shows: string, reason: number, changes: DialogueBody): Dialogue =>
  dialogue(name, shows, open('a'), connect('a', 'alice', changes), closes('a', reason));

const badToken = (kind: TokenKind, reason: number): Dialogue =>
  badLogin(`login with a token: ${kind}`, 'S-TOKEN-5', reason, { credential: { token: 'alice', kind } });

const badStart = (name: string, hex: string, reason: number, shows: string): Dialogue =>
  dialogue(name, shows, open('a'), sendBytes('a', hex), closes('a', reason));

const afterLogin = (name: string, hex: string, reason: number, shows: string): Dialogue =>
  dialogue(name, shows, login('a', 'alice'), sendBytes('a', hex), closes('a', reason));

const syncFrom = (on: string, requestId: number, after: number): DialogueStep =>
  send(on, 'SYNC', requestId, { epoch: same(`${on}.epoch`), after, limit: 50 });

const page = (on: string, requestId: number, head: number, messages: DialogueBody[]): DialogueStep =>
  expect(on, 'SYNCACK', requestId, { epoch: same(`${on}.epoch`), head, floor: any('u64'), messages });

const ack = (on: string, seq: number): DialogueStep => send(on, 'ACK', 0, { epoch: same(`${on}.epoch`), seq });

const badSend = (name: string, changes: DialogueBody, code: number, shows: string): Dialogue => {
  const body: DialogueBody = { target: 'bob', targetType: 0, clientMsgId: 'c1', flags: 0, payload: bytes('hi') };
  return dialogue(
    name,
    shows,
    login('a', 'alice'),
    send('a', 'SEND', 7, { ...body, ...changes }),
    refused('a', 7, code),
    pingPong('a', 0),
    end('a'),
  );
};

const logins: readonly Dialogue[] = [
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

const connections: readonly Dialogue[] = [
  dialogue('ping', 'S-PING-2', login('a', 'alice'), pingPong('a', 0), pingPong('a', 0), end('a')),
  dialogue(
    'goodbye',
    'S-CLOSE-5',
    login('a', 'alice'),
    send('a', 'DISCONNECT', 0, { reason: CloseReason.Normal }),
    closes('a', CloseReason.Normal),
  ),
  afterLogin('a malformed body', '000001 02 00000002 80', CloseReason.MalformedBody, 'S-BODY-1 S-BODY-12'),
  afterLogin('length 0 after login', '000000 02 00000002', CloseReason.MalformedFrame, 'S-FRAME-3'),
  afterLogin('65537 bytes are announced', '010001 80 00000002', CloseReason.FrameTooLarge, 'S-FRAME-3'),
  afterLogin('an unknown command of the gate', '000001 3f 00000002 90', CloseReason.UnknownCommand, 'S-GROW-5'),
  afterLogin('a command of the server', '000001 c2 00000002 90', CloseReason.WrongDirection, 'S-GROW-7'),
  afterLogin(
    'a decode bomb in a forwarded command',
    '00000f 41 00000002 dd01c9c380dd01c9c380dd01c9c380',
    CloseReason.MalformedBody,
    'S-BODY-10',
  ),
  dialogue(
    'unknown commands that are forwarded',
    'S-GROW-6',
    login('a', 'alice'),
    sendBytes('a', '000001 7f 00000002 90'),
    refused('a', 2, ErrorCode.UnknownCommand),
    sendBytes('a', '000005 bf 00000003 91 a3626f62'),
    refused('a', 3, ErrorCode.UnknownCommand),
    pingPong('a', 0),
    end('a'),
  ),
  dialogue(
    'three requests that make no sense',
    'S-ERROR-4',
    login('a', 'alice'),
    [2, 3, 4].flatMap((requestId) => [
      send('a', 'SYNC', requestId, { epoch: same('a.epoch'), after: 0, limit: 0 }),
      refused('a', requestId, ErrorCode.BadRequest),
    ]),
    closes('a', CloseReason.ProtocolError),
  ),
  dialogue(
    'an ACK beyond what was sent',
    'S-ACK-4',
    login('a', 'alice'),
    ack('a', 1),
    closes('a', CloseReason.ProtocolError),
  ),
];

const sends: readonly Dialogue[] = [
  dialogue(
    'send, repeat and conflict',
    'S-SEND-4 S-SEND-5',
    login('a', 'alice'),
    sendTo('a', 7, 'bob', 'c1', 'one'),
    sendack('a', 7, any('u64', 'm1'), false),
    sendTo('a', 8, 'bob', 'c1', 'one'),
    sendack('a', 8, same('m1'), true),
    sendTo('a', 9, 'bob', 'c1', 'another'),
    refused('a', 9, ErrorCode.Conflict),
    sendTo('a', 10, 'carol', 'c1', 'another'),
    sendack('a', 10, any('u64'), false),
    end('a'),
  ),
  badSend('send to an empty target', { target: '' }, ErrorCode.BadTarget, 'S-SEND-2'),
  badSend('send to a target of 65 bytes', { target: 'b'.repeat(65) }, ErrorCode.BadTarget, 'S-SEND-2'),
  badSend('send to a target of 16 KiB', { target: 'b'.repeat(16_384) }, ErrorCode.BadTarget, 'S-SEND-2'),
  badSend('send to a target that is no identifier', { target: 'no such/user' }, ErrorCode.BadTarget, 'S-SEND-2'),
  badSend('send to an unknown type of target', { targetType: 99 }, ErrorCode.BadTarget, 'S-SEND-2'),
  badSend('send without clientMsgId', { clientMsgId: '' }, ErrorCode.BadClientMsgId, 'S-SEND-3'),
  badSend('send with a clientMsgId of 65 bytes', { clientMsgId: 'c'.repeat(65) }, ErrorCode.BadClientMsgId, 'S-SEND-3'),
  badSend('send a payload above the limit', { payload: { hex: '00*61441' } }, ErrorCode.PayloadTooLarge, 'S-SEND-3'),
];

const deliveries: readonly Dialogue[] = [
  dialogue(
    'push and ack',
    'S-PUSH-1 S-ACK-1',
    login('b', 'bob'),
    login('a', 'alice'),
    sendTo('a', 7, 'bob', 'c1', 'one'),
    sendack('a', 7, any('u64', 'm1'), false),
    expect('b', 'MESSAGE', 0, message('b', 1, 'm1', 'alice', 'bob', 'one')),
    sendTo('a', 8, 'bob', 'c2', 'two'),
    sendack('a', 8, any('u64', 'm2'), false),
    expect('b', 'MESSAGE', 0, message('b', 2, 'm2', 'alice', 'bob', 'two')),
    ack('b', 2),
    pingPong('b', 2),
    end('a'),
    end('b'),
  ),
  dialogue(
    'messages to an absent user, pulled until the empty page',
    'S-SYNC-1 S-SYNC-4',
    login('a', 'alice'),
    sendTo('a', 7, 'bob', 'c1', 'one'),
    sendack('a', 7, any('u64', 'm1'), false),
    sendTo('a', 8, 'bob', 'c2', 'two'),
    sendack('a', 8, any('u64', 'm2'), false),
    open('b'),
    connect('b', 'bob'),
    connack('b', { head: 2, cursor: 0 }),
    syncFrom('b', 3, 0),
    page('b', 3, 2, [message('b', 1, 'm1', 'alice', 'bob', 'one'), message('b', 2, 'm2', 'alice', 'bob', 'two')]),
    syncFrom('b', 4, 2),
    page('b', 4, 2, []),
    end('b'),
    end('a'),
  ),
  dialogue(
    'a message that is not the next one is announced, not pushed',
    'S-PUSH-2 S-PUSH-3',
    login('a', 'alice'),
    sendTo('a', 7, 'bob', 'c1', 'one'),
    sendack('a', 7, any('u64', 'm1'), false),
    login('b', 'bob'),
    sendTo('a', 8, 'bob', 'c2', 'two'),
    sendack('a', 8, any('u64', 'm2'), false),
    expect('b', 'NOTIFY', 0, { epoch: same('b.epoch'), head: 2 }),
    syncFrom('b', 3, 0),
    page('b', 3, 2, [message('b', 1, 'm1', 'alice', 'bob', 'one'), message('b', 2, 'm2', 'alice', 'bob', 'two')]),
    syncFrom('b', 4, 2),
    page('b', 4, 2, []),
    sendTo('a', 9, 'bob', 'c3', 'three'),
    sendack('a', 9, any('u64', 'm3'), false),
    expect('b', 'MESSAGE', 0, message('b', 3, 'm3', 'alice', 'bob', 'three')),
    end('a'),
    end('b'),
  ),
  dialogue(
    'the sender’s other device gets a copy',
    'S-SEND-9 S-PUSH-6',
    login('a', 'alice'),
    login('d', 'alice', { deviceType: 'desktop', deviceId: 'desktop1' }),
    sendTo('a', 7, 'bob', 'c1', 'one'),
    sendack('a', 7, any('u64', 'm1'), false),
    expect('d', 'MESSAGE', 0, { ...message('d', 1, 'm1', 'alice', 'bob', 'one'), clientMsgId: 'c1' }),
    ack('d', 1),
    pingPong('d', 1),
    end('a'),
    end('d'),
  ),
  dialogue(
    'a SYNC from a seq of the future',
    'S-EPOCH-2',
    login('a', 'alice'),
    send('a', 'SYNC', 3, { epoch: same('a.epoch'), after: 1000, limit: 50 }),
    expect('a', 'RESYNC', 3, { epoch: any('u32'), floor: any('u64'), head: 0 }),
    end('a'),
  ),
  dialogue(
    'a SYNC in another epoch',
    'S-EPOCH-2',
    login('a', 'alice'),
    send('a', 'SYNC', 3, { epoch: same('a.epoch', 7), after: 0, limit: 50 }),
    expect('a', 'RESYNC', 3, { epoch: any('u32'), floor: any('u64'), head: 0 }),
    end('a'),
  ),
  dialogue(
    'a login with a lastSeq of the future',
    'S-LOGIN-9 S-EPOCH-2',
    login('a', 'alice'),
    end('a'),
    open('b'),
    connect('b', 'alice', { epoch: same('a.epoch'), lastSeq: 1000 }),
    connack('b'),
    expect('b', 'RESYNC', 0, { epoch: any('u32'), floor: any('u64'), head: 0 }),
    end('b'),
  ),
];

const sessions: readonly Dialogue[] = [
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

export const DIALOGUES: readonly Dialogue[] = [...logins, ...connections, ...sends, ...deliveries, ...sessions];
