/** What a logged-in connection answers, and what ends it. */
import { CloseReason, ErrorCode } from '../../src/protocol/generated/protocol.ts';
import {
  ack,
  closes,
  type Dialogue,
  dialogue,
  end,
  login,
  pingPong,
  refused,
  same,
  send,
  sendBytes,
} from './dialogue-steps.ts';

const afterLogin = (name: string, hex: string, reason: number, shows: string): Dialogue =>
  dialogue(name, shows, login('a', 'alice'), sendBytes('a', hex), closes('a', reason));

export const CONNECTION_DIALOGUES: readonly Dialogue[] = [
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
