/** Every script that the store runs; connections load them before they are used. */
import { APPLY } from './apply-script.ts';
import type { RedisScript } from './client.ts';
import { ACQUIRE, ANNOUNCE, RAISE_EPOCH, RELEASE, RENEW } from './fence-scripts.ts';
import { READ_TIMELINE, READ_USER } from './read-scripts.ts';

export const STORE_SCRIPTS: readonly RedisScript[] = [
  APPLY,
  READ_TIMELINE,
  READ_USER,
  ACQUIRE,
  RENEW,
  RAISE_EPOCH,
  RELEASE,
  ANNOUNCE,
];
