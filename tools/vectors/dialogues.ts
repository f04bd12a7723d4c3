/** Conversations with a live server, step by step. Every run uses uids of its own, so that timelines begin empty. */
import { CONNECTION_DIALOGUES } from './connection-dialogues.ts';
import { CREDENTIAL_DIALOGUES } from './credential-dialogues.ts';
import { DELIVERY_DIALOGUES, SEND_DIALOGUES } from './delivery-dialogues.ts';
import type { Dialogue } from './dialogue-steps.ts';
import { LOGIN_DIALOGUES, SESSION_DIALOGUES } from './login-dialogues.ts';

export const DIALOGUES: readonly Dialogue[] = [
  ...LOGIN_DIALOGUES,
  ...CONNECTION_DIALOGUES,
  ...SEND_DIALOGUES,
  ...DELIVERY_DIALOGUES,
  ...SESSION_DIALOGUES,
  ...CREDENTIAL_DIALOGUES,
];
