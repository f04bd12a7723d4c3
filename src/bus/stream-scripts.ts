/**
 * The scripts of the streams beside APPLY, which alone ends entries. An owner reads through the fence: XREADGROUP marks what it
 * gives as delivered, and one that was frozen must not take entries from its successor.
 */
import { STREAM_GROUP } from '../store/redis/apply-script.ts';
import { type RedisScript, redisScript } from '../store/redis/client.ts';

/** The partition's owner reads under this name, whoever that is. */
const CONSUMER = 'owner';
const CLAIM_MAX = 64;

export const ReadMode = {
  /** What nobody has read yet. */
  New: 'new',
  /** What an owner has read and not ended. */
  Pending: 'pending',
  /** Nothing: only how much waits, and since when. */
  Measure: 'measure',
} as const;
export type ReadMode = (typeof ReadMode)[keyof typeof ReadMode];

/**
 * KEYS fence, stream of pushes, stream of copies; ARGV owner epoch, mode, most entries, most deliveries. Answers 0 to who is
 * not the owner; or 1, entries waiting, age of the oldest in ms, whether more may follow at once, pushes, copies.
 *
 * An entry: id, names and values, deliveries. What was read once before is read again together; what was read more often, alone,
 * so that an entry that ends every owner takes no others along; what was read too often comes without names and values.
 */
export const READ_STREAMS: RedisScript = redisScript(
  'read-streams',
  `
local call = redis.call
if call('HGET', KEYS[1], 'o') ~= ARGV[1] then return { 0 } end
local count, deliveriesMax = tonumber(ARGV[3]), tonumber(ARGV[4])
local function withGroups(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.sub(reply.err, 1, 7) ~= 'NOGROUP' then error(reply) end
  for i = 2, 3 do redis.pcall('XGROUP', 'CREATE', KEYS[i], '${STREAM_GROUP}', '0', 'MKSTREAM') end
  return call(...)
end
local function unread()
  local found = { {}, {} }
  local more = 0
  local streams = withGroups('XREADGROUP', 'GROUP', '${STREAM_GROUP}', '${CONSUMER}', 'COUNT', count, 'STREAMS', KEYS[2], KEYS[3], '>', '>')
  for _, stream in ipairs(streams or {}) do
    local entries = stream[2]
    if #entries == count then more = 1 end
    for _, entry in ipairs(entries) do entry[3] = 1 end
    found[stream[1] == KEYS[2] and 1 or 2] = entries
  end
  return more, found[1], found[2]
end
local function pending(key)
  local list = withGroups('XPENDING', key, '${STREAM_GROUP}', '-', '+', math.min(count, ${CLAIM_MAX}), '${CONSUMER}')
  local ids, deliveries = {}, {}
  for i, row in ipairs(list) do
    if i > 1 and row[4] > 1 then break end
    if row[4] >= deliveriesMax then return list, { { row[1], false, row[4] } } end
    ids[i], deliveries[row[1]] = row[1], row[4] + 1
    if row[4] > 1 then break end
  end
  if #ids == 0 then return list, {} end
  local entries = call('XCLAIM', key, '${STREAM_GROUP}', '${CONSUMER}', 0, unpack(ids))
  for _, entry in ipairs(entries) do entry[3] = deliveries[entry[1]] end
  return list, entries
end
local more, pushes, copies = 0, {}, {}
if ARGV[2] == '${ReadMode.New}' then more, pushes, copies = unread()
elseif ARGV[2] == '${ReadMode.Pending}' then
  local list
  list, pushes = pending(KEYS[2])
  if #list == 0 then list, copies = pending(KEYS[3]) end
  more = #list > 0 and 1 or 0
end
local time, waiting, oldest = call('TIME'), 0, nil
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, 3 do
  local length = call('XLEN', KEYS[i])
  if length > 0 then
    local first = call('XRANGE', KEYS[i], '-', '+', 'COUNT', 1)[1][1]
    local added = tonumber(string.match(first, '^%d+'))
    oldest, waiting = math.min(oldest or added, added), waiting + length
  end
end
return { 1, waiting, math.max(0, now - (oldest or now)), more, pushes, copies }`,
);

/**
 * KEYS stream; ARGV most entries that may wait (0 for any number), then for each entry the number of its names and values, and
 * these. Answers how many were added, from the first on.
 */
export const ADD_ENTRIES: RedisScript = redisScript(
  'add-entries',
  `
local most, at, added = tonumber(ARGV[1]), 2, 0
local room = most > 0 and most - redis.call('XLEN', KEYS[1]) or math.huge
while at <= #ARGV and added < room do
  local count = tonumber(ARGV[at])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 1, at + count))
  added, at = added + 1, at + count + 1
end
return added`,
);

export const BUS_SCRIPTS: readonly RedisScript[] = [READ_STREAMS, ADD_ENTRIES];
