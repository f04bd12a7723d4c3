/**
 * Scripts that read. They answer the fence first (owner epoch, last batch, epoch), so that nobody serves a partition
 * that another owns or that has lost writes.
 */
import { type RedisScript, redisScript } from './client.ts';

const FENCE = `
local fence = redis.call('HMGET', KEYS[1], 'o', 'b', 'v')
if not fence[1] then return { '' } end
local out = { fence[1], tonumber(fence[2]), tonumber(fence[3]), tonumber(redis.call('GET', KEYS[2]) or 0),
  redis.call('LLEN', KEYS[3]) }
`;

/** Elements taken from the timeline in one step, so that large ones do not pile up beyond the limit. */
const PAGE_STEP = 32;

/**
 * KEYS fence, head, timeline; ARGV after, limit, most messages of the app, most bytes of records. Answers the fence, head, length,
 * seq of the first record, records.
 */
export const READ_TIMELINE: RedisScript = redisScript(
  'read-timeline',
  `${FENCE}
local after, limit, countMax, bytesMax = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local head, length = out[4], out[5]
local skip = head - length
local first = math.max(after, skip, head - countMax)
local last = math.min(head, first + limit)
local bytes, n = 0, 6
out[6] = first + 1
while first < last do
  local records = redis.call('LRANGE', KEYS[3], first - skip, math.min(first + ${PAGE_STEP}, last) - skip - 1)
  for i = 1, #records do
    bytes = bytes + #records[i]
    if n > 6 and bytes > bytesMax then return out end
    n = n + 1
    out[n] = records[i]
  end
  first = first + ${PAGE_STEP}
end
return out`,
);

/** KEYS fence, head, timeline, sessions. Answers the fence, head, length, revokeBefore, then generation and expiry of each current session. */
export const READ_USER: RedisScript = redisScript(
  'read-user',
  `${FENCE}
local bytes = redis.call('GET', KEYS[4])
local state = bytes and cmsgpack.unpack(bytes) or { 0, 0, {} }
out[6] = state[2]
for _, device in ipairs(state[3]) do
  if device[4] ~= 0 then
    out[#out + 1] = device[4]
    out[#out + 1] = device[7]
  end
end
return out`,
);
