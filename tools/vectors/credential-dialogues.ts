/** Tickets in place of tokens, and new tokens on a live connection. */
import { CloseReason, ErrorCode } from '../../src/protocol/generated/protocol.ts';
import {
  any,
  closes,
  connack,
  connect,
  type Dialogue,
  type DialogueBody,
  type DialogueStep,
  type DialogueValue,
  dialogue,
  end,
  expect,
  login,
  open,
  pingPong,
  refused,
  same,
  send,
} from './dialogue-steps.ts';

const ticketLogin = (on: string, ticket: string, changes: DialogueBody = {}): DialogueStep[] => [
  open(on),
  connect(on, 'alice', { credentialType: 1, credential: same(ticket), intent: 1, ...changes }),
];

const ticketLoggedIn = (on: string, ticket: string): DialogueStep[] => [
  ...ticketLogin(on, ticket, { lastGeneration: same('a.generation') }),
  connack(on),
];

const tickets: readonly Dialogue[] = [
  dialogue(
    'a device comes back with its ticket, again and again',
    'S-RESUME-1 S-RESUME-2',
    login('a', 'alice'),
    end('a'),
    ticketLoggedIn('b', 'a.ticket'),
    end('b'),
    ticketLoggedIn('c', 'b.ticket'),
    end('c'),
  ),
  dialogue(
    'a ticket is good twice, as long as its successor was not used',
    'S-RESUME-3',
    login('a', 'alice'),
    end('a'),
    ticketLoggedIn('b', 'a.ticket'),
    end('b'),
    ticketLoggedIn('c', 'a.ticket'),
    end('c'),
    ticketLoggedIn('d', 'c.ticket'),
    end('d'),
  ),
  dialogue(
    'a third use of a ticket revokes all of the device',
    'S-RESUME-3 S-RESUME-4',
    login('a', 'alice'),
    end('a'),
    ticketLoggedIn('b', 'a.ticket'),
    end('b'),
    ticketLoggedIn('c', 'a.ticket'),
    ticketLogin('d', 'a.ticket'),
    closes('d', CloseReason.CredentialRevoked),
    closes('c', CloseReason.CredentialRevoked),
    ticketLogin('e', 'c.ticket'),
    closes('e', CloseReason.CredentialRevoked),
  ),
  dialogue(
    'a ticket is of no use to another user or device, or to send only',
    'S-RESUME-4 S-RESUME-5',
    login('a', 'alice'),
    ...(
      [
        ['b', { uid: { user: 'bob' } }],
        ['c', { deviceId: 'phone2' }],
        ['d', { deviceType: 'desktop' }],
        ['e', { capabilities: 1 }],
      ] as [string, DialogueBody][]
    ).map(([on, changes]) => [...ticketLogin(on, 'a.ticket', changes), ...closes(on, CloseReason.CredentialInvalid)]),
    pingPong('a', 0),
    end('a'),
  ),
];

const reauth = (requestId: number, credential: DialogueValue): DialogueStep =>
  send('a', 'REAUTH', requestId, { credential });

const reauthentication: readonly Dialogue[] = [
  dialogue(
    'a session goes on with a new token',
    'S-REAUTH-1 S-REAUTH-3',
    login('a', 'alice'),
    reauth(5, { token: 'alice', kind: 'good' }),
    expect('a', 'REAUTHACK', 5, { sessionExpiresAtMs: any('u64') }),
    (['wrong-signature', 'other-user', 'expired'] as const).flatMap((kind, index) => [
      reauth(6 + index, { token: 'alice', kind }),
      refused('a', 6 + index, ErrorCode.Forbidden),
    ]),
    reauth(9, same('a.ticket')),
    refused('a', 9, ErrorCode.Forbidden),
    pingPong('a', 0),
    end('a'),
  ),
  dialogue(
    'a session that only sends cannot go on',
    'S-REAUTH-5',
    open('a'),
    connect('a', 'alice', { capabilities: 1 }),
    connack('a', { generation: 0, ticket: '' }),
    reauth(5, { token: 'alice', kind: 'good' }),
    refused('a', 5, ErrorCode.Forbidden),
    end('a'),
  ),
];

export const CREDENTIAL_DIALOGUES: readonly Dialogue[] = [...tickets, ...reauthentication];
