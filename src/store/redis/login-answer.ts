/**
 * What the script answers to a login: status, generation, cursor, head, floor, when the credential was issued, displaced
 * generations; and when it is current, revokeBefore, then generation and expiry of each current session.
 */
import type { Epoch, Generation, Seq } from '../../model/ids.ts';
import type { LoginOperation, LoginStatus, UserState } from '../store.ts';
import type { RedisReply } from './client.ts';

const SESSIONS_AT = 7;

export type CurrentSessions = Pick<UserState, 'currentGenerations' | 'currentExpiriesS' | 'revokeBeforeMs'>;

export function takeLogin(item: LoginOperation, epoch: Epoch, answer: readonly RedisReply[]): void {
  const [status, generation, cursor, head, floor, issuedAtMs, displaced] = answer;
  item.status = status as LoginStatus;
  item.generation = generation as Generation;
  item.cursor = cursor as Seq;
  item.head = head as Seq;
  item.floor = floor as Seq;
  item.issuedAtMs = issuedAtMs as number;
  item.displaced = displaced as Generation[];
  item.epoch = epoch;
}

/** Of a login that is current. */
export function sessionsOfLogin(answer: readonly RedisReply[]): CurrentSessions {
  return sessionsAt(answer, SESSIONS_AT);
}

/** revokeBefore stands at `place`, then come generation and expiry in turn. */
export function sessionsAt(answer: readonly RedisReply[], place: number): CurrentSessions {
  const numbers = answer.slice(place + 1) as number[];
  return {
    revokeBeforeMs: answer[place] as number,
    currentGenerations: numbers.filter((_, i) => i % 2 === 0) as Generation[],
    currentExpiriesS: numbers.filter((_, i) => i % 2 === 1),
  };
}
