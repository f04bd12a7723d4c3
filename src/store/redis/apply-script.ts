/**
 * The one script that writes: it checks the fence, applies a batch of operations in order, and remembers the answers, so
 * that the same call again answers the same and changes nothing.
 *
 *   KEYS  fence, answers, copies, apps, then those of each operation
 *   ARGV  owner epoch, batch number, oldest message id of the dedupe window, its length in ms, largest message id issued,
 *         now in ms, codes: one letter for each operation; then the arguments of each operation
 *
 *   last batch = number − 1  → apply      = number → the kept answers      anything else → Behind: writes were lost
 *
 * Every key it touches is declared: while a cluster moves the slot, a call is refused as a whole or runs as a whole.
 */
import { MESSAGE_ID_EPOCH_MS } from '../../model/message-id.ts';
import { type RedisScript, redisScript } from './client.ts';
import { SESSION_LUA } from './session-lua.ts';

export const FenceStatus = {
  Ok: 1,
  /** Another owner has taken the partition. */
  Fenced: 2,
  /** There is no fence: the data is gone. */
  Missing: 3,
  /** The fence has not seen batches that were acknowledged. */
  Behind: 4,
} as const;
export type FenceStatus = (typeof FenceStatus)[keyof typeof FenceStatus];

/** Letters of `codes`. */
export const OperationCode = {
  /** Those that follow belong to an app: ages key; app, offset of the uid in its timelines' names. */
  App: 'X',
  /** dedupe, head, timeline; record. Answers seq, messages in the timeline; or the dedupe row. */
  Append: 'A',
  /** The same and the sender's copy, in the same partition: two more keys, and answers. */
  AppendTwice: 'B',
  /** The same, and the copy noted for the sender's partition: two more arguments, message id and the row's beginning. */
  AppendNote: 'C',
  /** done, head, timeline; record. Answers seq, messages in the timeline; zeros when it was made before. */
  Copy: 'P',
  /** stream; those that follow are its entries. No answer. */
  Stream: 'W',
  /** entry id. What came before it is that entry's, which is done with unless it was a conflict. No answer. */
  EntryDone: 'K',
  /** dead letters; entry id, reason, deliveries, dead letters to keep. No answer. */
  Bury: 'Z',
  /** count, message ids of copies that were made. No answer. */
  CopiesDone: 'D',
  /** timeline; messages to keep. No answer. */
  Trim: 'T',
  /** timeline, ages; oldest message id to keep, uid. No answer. */
  Expire: 'G',
  Login: 'L',
  Cursor: 'U',
  Revoke: 'V',
  Reauthenticate: 'R',
} as const;

/** Elements looked at in one step of an expiry, and steps in one call: what blocks others is bounded. */
const EXPIRE_STEP = 64;
const EXPIRE_STEPS_MAX = 8;
export const TRIM_MAX = 512;
/** The group of the partition's owner, whoever that is, on its streams. */
export const STREAM_GROUP = 'sluice';
/** Names and values of an entry that go to the dead letters. */
const BURIED_STRINGS_MAX = 64;
export const MESSAGE_ID_STEPS_PER_MS: number = 16 * 1024;

const FENCE = `
local call, keys, argv = redis.call, KEYS, ARGV
local fence = call('HMGET', keys[1], 'o', 'b', 'v')
if not fence[1] then return { ${FenceStatus.Missing} } end
if fence[1] ~= argv[1] then return { ${FenceStatus.Fenced} } end
local last, batch = tonumber(fence[2]), tonumber(argv[2])
if last == batch then
  local kept = call('GET', keys[2])
  if kept then return cmsgpack.unpack(kept) end
end
if last ~= batch - 1 then return { ${FenceStatus.Behind}, last } end
local epoch, windowFrom, windowMs, now, codes = tonumber(fence[3]), tonumber(argv[3]), argv[4], tonumber(argv[6]), argv[7]
local out, n, k, a = { ${FenceStatus.Ok}, epoch }, 2, 5, 8
local ages, app, uidOffset, sessions
local stream, isConflict, entriesDone
`;

const TIMELINES = `
local function put(head, list, record)
  local seq = call('INCR', head)
  local length = call('RPUSH', list, record)
  if length == 1 then
    call('SADD', keys[4], app)
    call('ZADD', ages, struct.unpack('>d', record), string.sub(list, uidOffset))
  end
  return seq, length
end
local function append(code)
  local record, dedupe, head, list = argv[a], keys[k], keys[k + 1], keys[k + 2]
  local mark = string.sub(record, 1, 12)
  local row = call('SET', dedupe, mark, 'NX', 'GET', 'PX', windowMs)
  if row and struct.unpack('>d', row) < windowFrom then
    call('SET', dedupe, mark, 'PX', windowMs)
    row = false
  end
  isConflict = row and string.sub(row, 9, 12) ~= string.sub(record, 9, 12)
  if row then
    n = n + 1
    out[n] = row
  else
    out[n + 1], out[n + 2] = put(head, list, record)
    n = n + 2
    if code == 66 then
      out[n + 1], out[n + 2] = put(keys[k + 3], keys[k + 4], record)
      n = n + 2
    elseif code == 67 then
      call('HSET', keys[3], argv[a + 1], argv[a + 2] .. record)
    end
  end
  k, a = k + (code == 66 and 5 or 3), a + (code == 67 and 3 or 1)
end
local function copy()
  out[n + 1], out[n + 2] = 0, 0
  if call('SET', keys[k], '1', 'NX', 'PX', windowMs) then
    out[n + 1], out[n + 2] = put(keys[k + 1], keys[k + 2], argv[a])
  end
  n, k, a, isConflict = n + 2, k + 3, a + 1, false
end
local function trim(list, most)
  local surplus = call('LLEN', list) - most
  if surplus > 0 then call('LPOP', list, math.min(surplus, ${TRIM_MAX})) end
end
local function expire(list, agesKey, from, uid)
  local oldest
  for _ = 1, ${EXPIRE_STEPS_MAX} do
    local records, gone = call('LRANGE', list, 0, ${EXPIRE_STEP - 1}), 0
    oldest = nil
    for i = 1, #records do
      oldest = struct.unpack('>d', records[i])
      if oldest >= from then break end
      gone, oldest = i, nil
    end
    if gone > 0 then call('LPOP', list, gone) end
    if oldest or gone == 0 then break end
  end
  if oldest then call('ZADD', agesKey, oldest, uid)
  elseif call('EXISTS', list) == 0 then call('ZREM', agesKey, uid) end
end
`;

/** Entries are done with at the end of a batch, all those of a stream at once. */
const STREAMS = `
local function entryDone(id)
  entriesDone = entriesDone or {}
  local ids = entriesDone[stream] or {}
  entriesDone[stream] = ids
  ids[#ids + 1] = id
end
local function bury()
  local id, dead = argv[a], keys[k]
  local entry = call('XRANGE', stream, id, id)[1]
  if entry then
    local strings = entry[2]
    call('XADD', dead, 'MAXLEN', '~', argv[a + 3], '*', 'reason', argv[a + 1], 'stream', stream, 'entry', id,
      'deliveries', argv[a + 2], unpack(strings, 1, math.min(#strings, ${BURIED_STRINGS_MAX})))
  end
  entryDone(id)
  k, a = k + 1, a + 4
end
`;

const LOOP = `
local function sessionRules() ${SESSION_LUA} end
for i = 1, #codes do
  local code = string.byte(codes, i)
  if code <= 67 then append(code)
  elseif code == 88 then
    ages, app, uidOffset = keys[k], argv[a], tonumber(argv[a + 1])
    k, a = k + 1, a + 2
  elseif code == 80 then copy()
  elseif code == 87 then
    stream, k = keys[k], k + 1
  elseif code == 75 then
    if not isConflict then entryDone(argv[a]) end
    a = a + 1
  elseif code == 90 then bury()
  elseif code == 68 then
    local count = tonumber(argv[a])
    call('HDEL', keys[3], unpack(argv, a + 1, a + count))
    a = a + 1 + count
  elseif code == 84 then
    trim(keys[k], tonumber(argv[a]))
    k, a = k + 1, a + 1
  elseif code == 71 then
    expire(keys[k], keys[k + 1], tonumber(argv[a]), argv[a + 1])
    k, a = k + 2, a + 2
  else
    sessions = sessions or sessionRules()
    if code == 76 then
      n = n + 1
      out[n] = sessions.login(keys[k], keys[k + 1], keys[k + 2], a)
      k, a = k + 3, a + 12
    elseif code == 85 then
      sessions.moveCursor(keys[k], keys[k + 1], a)
      k, a = k + 2, a + 3
    elseif code == 86 then
      n = n + 1
      out[n] = sessions.revoke(keys[k], a)
      k, a = k + 1, a + 1
    elseif code == 82 then
      n = n + 1
      out[n] = sessions.reauthenticate(keys[k], a)
      k, a = k + 1, a + 4
    end
  end
end
for name, ids in pairs(entriesDone or {}) do
  call('XACK', name, '${STREAM_GROUP}', unpack(ids))
  call('XDEL', name, unpack(ids))
end
call('HSET', keys[1], 'b', argv[2], 'm', argv[5])
call('SET', keys[2], cmsgpack.pack(out))
return out
`;

export const APPLY: RedisScript = redisScript('apply', FENCE + TIMELINES + STREAMS + LOOP);

/** Message ids issued before `wallMs` are smaller than this. */
export function messageIdAt(wallMs: number): number {
  return Math.max(0, wallMs - MESSAGE_ID_EPOCH_MS) * MESSAGE_ID_STEPS_PER_MS;
}
