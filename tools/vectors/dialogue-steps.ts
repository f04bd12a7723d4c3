/**
 * The vocabulary of the dialogues: what a step is, and short names for the steps that most of them share.
 *
 *   { on, open }                 a new connection called `on`
 *   { on, send }                 a frame, or bare bytes (`hex`); values may be placeholders
 *   { on, expect }               the next frame; values may be placeholders
 *   { on, expectClosed }         the server ends the connection, and nothing comes before that
 *   { on, end }                  the client hangs up
 *
 * Sends in a row on one connection go out as one write. Placeholders: {"param":"app"} the app id; {"user":"alice"} a uid that no earlier run has used; {"token":"alice","kind":
 * "good"} a credential for that uid; {"any":"u64","as":"m"} any value of the type, remembered as m; {"same":"m","plus":1}
 * what was remembered, plus 1.
 */
export type TokenKind =
  | 'good'
  | 'wrong-signature'
  | 'expired'
  | 'alg-none'
  | 'other-user'
  | 'other-app'
  | 'lifetime-too-long';

export type Placeholder =
  | { readonly param: 'app' }
  | { readonly user: string }
  | { readonly token: string; readonly kind: TokenKind }
  | { readonly any: string; readonly as?: string }
  | { readonly same: string; readonly plus?: number }
  | { readonly hex: string };

export type DialogueValue = Placeholder | string | number | boolean | readonly DialogueBody[];
export interface DialogueBody {
  readonly [field: string]: DialogueValue;
}

export interface DialogueFrame {
  readonly command: string;
  readonly requestId: number;
  readonly body: DialogueBody;
}

export type DialogueStep = { readonly on: string } & (
  | { readonly open: true }
  | { readonly send: DialogueFrame; readonly hex?: string }
  | { readonly send: { readonly hex: string } }
  | { readonly expect: DialogueFrame; readonly hex?: string }
  | { readonly expectClosed: true }
  | { readonly end: true }
);

export interface Dialogue {
  readonly name: string;
  readonly shows: readonly string[];
  readonly steps: readonly DialogueStep[];
}

export const any = (type: string, as?: string): Placeholder => (as === undefined ? { any: type } : { any: type, as });
export const same = (name: string, plus?: number): Placeholder =>
  plus === undefined ? { same: name } : { same: name, plus };
export const user = (name: string): Placeholder => ({ user: name });
export const bytes = (text: string): Placeholder => ({ hex: Buffer.from(text).toString('hex') });

export const open = (on: string): DialogueStep => ({ on, open: true });
export const closed = (on: string): DialogueStep => ({ on, expectClosed: true });
export const end = (on: string): DialogueStep => ({ on, end: true });
export const sendBytes = (on: string, hex: string): DialogueStep => ({ on, send: { hex } });
export const send = (on: string, command: string, requestId: number, body: DialogueBody): DialogueStep => ({
  on,
  send: { command, requestId, body },
});
export const expect = (on: string, command: string, requestId: number, body: DialogueBody): DialogueStep => ({
  on,
  expect: { command, requestId, body },
});

/** CONNECT of `uid` from a phone of its own; `changes` replaces fields. */
export function connect(on: string, uid: string, changes: DialogueBody = {}): DialogueStep {
  return send(on, 'CONNECT', 1, {
    version: 1,
    app: { param: 'app' },
    uid: user(uid),
    credentialType: 0,
    credential: { token: uid, kind: 'good' },
    deviceType: 'phone',
    deviceId: 'phone1',
    intent: 0,
    lastGeneration: 0,
    epoch: 0,
    lastSeq: 0,
    capabilities: 0,
    agent: 'dialogue',
    ...changes,
  });
}

/** CONNACK; generation, epoch and head are remembered as `<on>.generation` and so on. */
export function connack(on: string, changes: DialogueBody = {}): DialogueStep {
  return expect(on, 'CONNACK', 1, {
    version: 1,
    generation: any('u64', `${on}.generation`),
    epoch: any('u32', `${on}.epoch`),
    head: any('u64', `${on}.head`),
    floor: any('u64'),
    cursor: any('u64', `${on}.cursor`),
    heartbeatMs: any('u32'),
    windowMessages: any('u16'),
    windowBytes: any('u32'),
    bodyBytesMax: any('u32'),
    ackTimeoutMs: any('u32'),
    serverTimeMs: any('u64'),
    ticket: any('str', `${on}.ticket`),
    sessionExpiresAtMs: any('u64'),
    ...changes,
  });
}

/** A whole login. */
export const login = (on: string, uid: string, changes: DialogueBody = {}): DialogueStep[] => [
  open(on),
  connect(on, uid, changes),
  connack(on),
];

/** The last frame of a connection and its end. */
export const closes = (on: string, reason: number): DialogueStep[] => [
  expect(on, 'CLOSE', 0, { reason, retryAfterMs: any('u32'), detail: any('str') }),
  closed(on),
];

export const sendTo = (on: string, requestId: number, to: string, clientMsgId: string, text: string): DialogueStep =>
  send(on, 'SEND', requestId, { target: user(to), targetType: 0, clientMsgId, flags: 0, payload: bytes(text) });

export const sendack = (on: string, requestId: number, messageId: Placeholder, dup: boolean): DialogueStep =>
  expect(on, 'SENDACK', requestId, {
    messageId,
    serverTimeMs: any('u64'),
    dup,
    durability: any('u8'),
    replicas: any('u8'),
    ownEpoch: any('u32'),
    ownSeq: any('u64'),
  });

/** The fields of a text message from one user to another, in the timeline of the connection `on`. */
export const message = (
  on: string,
  seq: number,
  messageId: string,
  from: string,
  to: string,
  text: string,
): DialogueBody => ({
  epoch: same(`${on}.epoch`),
  seq,
  messageId: same(messageId),
  timeMs: any('u64'),
  kind: 0,
  from: user(from),
  to: user(to),
  clientMsgId: '',
  payload: bytes(text),
});

export const pingPong = (on: string, head: number): DialogueStep[] => [
  send(on, 'PING', 2, {}),
  expect(on, 'PONG', 2, { epoch: same(`${on}.epoch`), head, known: true }),
];

/** ERROR with this code, and a PING that shows the connection is still there. */
export const refused = (on: string, requestId: number, code: number): DialogueStep =>
  expect(on, 'ERROR', requestId, { code, retryAfterMs: any('u32'), detail: any('str') });

export const ack = (on: string, seq: number): DialogueStep => send(on, 'ACK', 0, { epoch: same(`${on}.epoch`), seq });

/** `shows`: requirement ids, separated by spaces. */
export const dialogue = (name: string, shows: string, ...steps: (DialogueStep | DialogueStep[])[]): Dialogue => ({
  name,
  shows: shows.split(' '),
  steps: steps.flat(),
});
