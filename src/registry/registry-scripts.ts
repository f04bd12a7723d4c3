/**
 * The registry in Redis: for each kind a sorted set of ids by the end of their lease, and a hash of their entries
 * beside it. Both share a hash tag; time is the server's own.
 */
import { type RedisScript, redisScript } from '../store/redis/client.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Lua passes no more arguments than this at once, with a wide margin. */
const CHUNK = 1000;

/** KEYS leases, entries; ARGV id, lease ms, entry. */
export const ANNOUNCE_ENTRY: RedisScript = redisScript(
  'announce-entry',
  `${NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1`,
);

/** KEYS leases, entries; ARGV id, boot id. What a later boot has announced under the id stays. */
export const WITHDRAW_ENTRY: RedisScript = redisScript(
  'withdraw-entry',
  `
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if not entry or not string.find(entry, ARGV[2], 1, true) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1`,
);

/** KEYS leases, entries. Forgets whoever's lease has ended; answers ms left and entry of the others, one after the other. */
export const LIST_ENTRIES: RedisScript = redisScript(
  'list-entries',
  `${NOW}
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for at = 1, #gone, ${CHUNK} do
  redis.call('HDEL', KEYS[2], unpack(gone, at, math.min(at + ${CHUNK} - 1, #gone)))
end
if #gone > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
local live = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local answer = {}
for at = 1, #live, ${2 * CHUNK} do
  local names = {}
  for i = at, math.min(at + ${2 * CHUNK} - 1, #live), 2 do names[#names + 1] = live[i] end
  local entries = redis.call('HMGET', KEYS[2], unpack(names))
  for i = 1, #names do
    answer[#answer + 1] = tonumber(live[at + 2 * i - 1]) - now
    answer[#answer + 1] = entries[i] or ''
  end
end
return answer`,
);

export const REGISTRY_SCRIPTS: readonly RedisScript[] = [ANNOUNCE_ENTRY, WITHDRAW_ENTRY, LIST_ENTRIES];
