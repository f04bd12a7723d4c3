/**
 * Scripts of ownership. Time is the server's own, so that owners' clocks do not matter. An owner epoch is the time of its
 * acquisition, or one more than the last: it only grows, also when everything was flushed in between.
 */
import { FenceStatus } from './apply-script.ts';
import { type RedisScript, redisScript } from './client.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Whether an unclean end together with a change of server can have lost writes. */
export const Suspicion = {
  None: '0',
  OfAll: '1',
  /** Not when the holder was the one that asks: it remembers what it acknowledged, and compares. */
  OfOthers: '2',
} as const;

/**
 * KEYS fence; ARGV holder, lease ms, run id, suspicion, first epoch. Answers 0, ms to wait; or 1, owner epoch, epoch, last batch, last message id, whether the epoch rose.
 */
export const ACQUIRE: RedisScript = redisScript(
  'acquire',
  `${NOW}
local f = redis.call('HMGET', KEYS[1], 'o', 'w', 'u', 'v', 'b', 'm', 'r')
local owner, epoch, batch, message, rose = now, ARGV[5], '0', '0', 0
if f[1] then
  if f[2] ~= '' and f[2] ~= ARGV[1] and tonumber(f[3]) > now then return { 0, tonumber(f[3]) - now } end
  owner, epoch, batch, message = math.max(now, tonumber(f[1]) + 1), f[4], f[5], f[6]
  local suspected = ARGV[4] == '${Suspicion.OfAll}' or ARGV[4] == '${Suspicion.OfOthers}' and f[2] ~= ARGV[1]
  if f[2] ~= '' and f[7] ~= ARGV[3] and suspected then
    epoch, rose = string.format('%.0f', tonumber(epoch) + 1), 1
  end
end
owner = string.format('%.0f', owner)
redis.call('HSET', KEYS[1], 'o', owner, 'w', ARGV[1], 'u', now + ARGV[2], 'v', epoch, 'b', batch, 'm', message, 'r', ARGV[3])
return { 1, tonumber(owner), tonumber(epoch), tonumber(batch), tonumber(message), rose }`,
);

const OWNED = `
local owner = redis.call('HGET', KEYS[1], 'o')
if owner and owner ~= ARGV[1] then return { ${FenceStatus.Fenced} } end
`;

/** KEYS fence; ARGV owner epoch, lease ms, run id, last acknowledged batch. Renews only what has lost nothing. */
export const RENEW: RedisScript = redisScript(
  'renew',
  `${NOW}${OWNED}
if not owner then return { ${FenceStatus.Missing} } end
local batch = tonumber(redis.call('HGET', KEYS[1], 'b'))
if batch < tonumber(ARGV[4]) then return { ${FenceStatus.Behind}, batch } end
redis.call('HSET', KEYS[1], 'u', now + ARGV[2], 'r', ARGV[3])
return { ${FenceStatus.Ok} }`,
);

/**
 * Starts a new epoch after writes were lost. KEYS fence; ARGV owner epoch, lease ms, run id, holder, last acknowledged batch,
 * new epoch, last message id.
 */
export const RAISE_EPOCH: RedisScript = redisScript(
  'raise-epoch',
  `${NOW}${OWNED}
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'w', ARGV[4], 'u', now + ARGV[2], 'v', ARGV[6], 'b', ARGV[5], 'm', ARGV[7], 'r', ARGV[3])
return { ${FenceStatus.Ok} }`,
);

/** KEYS fence; ARGV owner epoch. A clean end: the next owner need not wait. */
export const RELEASE: RedisScript = redisScript(
  'release',
  `${OWNED}
if owner then redis.call('HSET', KEYS[1], 'w', '', 'u', '0') end
return { ${FenceStatus.Ok} }`,
);

/** KEYS logics; ARGV name, lease ms; 0 to leave. Answers the names of all that are alive. */
export const ANNOUNCE: RedisScript = redisScript(
  'announce',
  `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[2] == '0' then redis.call('ZREM', KEYS[1], ARGV[1])
else redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
return redis.call('ZRANGE', KEYS[1], 0, -1)`,
);
