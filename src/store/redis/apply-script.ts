/**
 * The one script that writes. A call has a section for each of its partitions: it checks the section's fence, applies a
 * batch of operations in order, and remembers the answers, so that the same section again answers the same and changes
 * nothing.
 *
 *   KEYS  of each section: fence, answers, copies, apps, then those of its operations
 *   ARGV  number of sections; of each section: number of keys, number of arguments, owner epoch, batch number, oldest
 *         message id of the dedupe window, its length in ms, largest message id issued, now in ms, codes: one letter for
 *         each operation, partition, partitions of senders (two bytes each); then the arguments of each operation
 *
 *   last batch = number − 1  → apply      = number → the kept answers      anything else → Behind: writes were lost
 *
 * All fences are looked at before anything is written. On a single server a message and its sender's copy are written
 * together when both partitions have a section that is applied: both batch numbers then say whether they were lost.
 *
 * In a cluster a call has one section, and every key that it touches is declared: while the slot is being moved, a call is
 * refused as a whole or runs as a whole. On a single server the names come from the records, which is less to send.
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
  /** record: all names come from it. Answers as the first. On a single server only, as the next. */
  AppendNamed: 'E',
  /** The same and the sender's copy: one more partition of a sender. Three more answers: those of the copy, and its epoch. */
  AppendNamedTwice: 'F',
  /** The same as the first, and the copy noted for the sender's partition: two more arguments, message id and the row's beginning. */
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

const FENCES = `
local call, keys, argv = redis.call, KEYS, ARGV
local sections, byPartition, replies = {}, {}, {}
local function look(section)
  local fence = call('HMGET', section.fence, 'o', 'b', 'v')
  if not fence[1] then return { ${FenceStatus.Missing} } end
  if fence[1] ~= argv[section.a + 2] then return { ${FenceStatus.Fenced} } end
  local last, batch = tonumber(fence[2]), tonumber(argv[section.a + 3])
  if last == batch then
    local kept = call('GET', keys[section.k + 1])
    if kept then return cmsgpack.unpack(kept) end
  end
  if last ~= batch - 1 then return { ${FenceStatus.Behind}, last } end
  section.epoch = tonumber(fence[3])
  return { ${FenceStatus.Ok}, section.epoch }
end
local k, a = 1, 2
for i = 1, tonumber(argv[1]) do
  local section = { k = k, a = a, fence = keys[k], tag = string.sub(keys[k], 1, -2) }
  replies[i], sections[i] = look(section), section
  if section.epoch then byPartition[tonumber(argv[a + 9])] = section end
  k, a = k + tonumber(argv[a]), a + tonumber(argv[a + 1])
end
local section, epoch, windowFrom, windowMs, now, others, othersAt
local out, n
local ages, app, uidOffset, sessions
local stream, isConflict, entriesDone
`;

const TIMELINES = `
local function listed(place, agesKey, record, uid)
  call('SADD', keys[place.k + 3], app)
  call('ZADD', agesKey, struct.unpack('>d', record), uid)
end
local function put(head, list, record)
  local seq = call('INCR', head)
  local length = call('RPUSH', list, record)
  if length == 1 then listed(section, ages, record, string.sub(list, uidOffset)) end
  return seq, length
end
local function isNew(dedupe, record)
  local mark = string.sub(record, 1, 12)
  local row = call('SET', dedupe, mark, 'NX', 'GET', 'PX', windowMs)
  if row and struct.unpack('>d', row) < windowFrom then
    call('SET', dedupe, mark, 'PX', windowMs)
    row = false
  end
  isConflict = row and string.sub(row, 9, 12) ~= string.sub(record, 9, 12)
  if not row then return true end
  n = n + 1
  out[n] = row
  return false
end
local function append(code)
  local record = argv[a]
  if isNew(keys[k], record) then
    out[n + 1], out[n + 2] = put(keys[k + 1], keys[k + 2], record)
    n = n + 2
    if code == 66 then
      out[n + 1], out[n + 2] = put(keys[k + 3], keys[k + 4], record)
      n = n + 2
    elseif code == 67 then
      call('HSET', keys[section.k + 2], argv[a + 1], argv[a + 2] .. record)
    end
  end
  k, a = k + (code == 66 and 5 or 3), a + (code == 67 and 3 or 1)
end
local function putNamed(place, uid, record)
  local name = app .. '/' .. uid
  local seq = call('INCR', place.tag .. 'h/' .. name)
  local length = call('RPUSH', place.tag .. 't/' .. name, record)
  if length == 1 then listed(place, place.tag .. 'g/' .. app, record, uid) end
  return seq, length
end
local function appendNamed(hasCopy)
  local record = argv[a]
  local fromEnd = 14 + string.byte(record, 14)
  local toEnd = fromEnd + 1 + string.byte(record, fromEnd + 1)
  local from, to = string.sub(record, 15, fromEnd), string.sub(record, fromEnd + 2, toEnd)
  local id = string.sub(record, toEnd + 2, toEnd + 1 + string.byte(record, toEnd + 1))
  if isNew(section.tag .. 'd/' .. app .. '/' .. to .. '/' .. from .. '/' .. id, record) then
    out[n + 1], out[n + 2] = putNamed(section, to, record)
    n = n + 2
    if hasCopy then
      local place = byPartition[struct.unpack('>H', others, othersAt)]
      if place then
        out[n + 1], out[n + 2] = putNamed(place, from, record)
        out[n + 3] = place.epoch
      else
        local note = string.format('%.0f', (struct.unpack('>d', record)))
        call('HSET', keys[section.k + 2], note, app .. '/' .. from .. '\\n' .. record)
        out[n + 1], out[n + 2], out[n + 3] = 0, 0, 0
      end
      n = n + 3
    end
  end
  if hasCopy then othersAt = othersAt + 2 end
  a = a + 1
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
local function apply(code)
  if code <= 67 then append(code)
  elseif code == 69 or code == 70 then appendNamed(code == 70)
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
    call('HDEL', keys[section.k + 2], unpack(argv, a + 1, a + count))
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
for i = 1, #sections do
  section = sections[i]
  if section.epoch then
    local at, codes = section.a, argv[section.a + 8]
    epoch, windowFrom, windowMs = section.epoch, tonumber(argv[at + 4]), argv[at + 5]
    now, others, othersAt = tonumber(argv[at + 7]), argv[at + 10], 1
    out, n, k, a = replies[i], 2, section.k + 4, at + 11
    ages, app, uidOffset, stream, isConflict, entriesDone = nil, nil, nil, nil, nil, nil
    for place = 1, #codes do apply(string.byte(codes, place)) end
    for name, ids in pairs(entriesDone or {}) do
      call('XACK', name, '${STREAM_GROUP}', unpack(ids))
      call('XDEL', name, unpack(ids))
    end
    call('HSET', section.fence, 'b', argv[at + 3], 'm', argv[at + 6])
    call('SET', keys[section.k + 1], cmsgpack.pack(out))
  end
end
return replies
`;

export const APPLY: RedisScript = redisScript('apply', FENCES + TIMELINES + STREAMS + LOOP);

/** Message ids issued before `wallMs` are smaller than this. */
export function messageIdAt(wallMs: number): number {
  return Math.max(0, wallMs - MESSAGE_ID_EPOCH_MS) * MESSAGE_ID_STEPS_PER_MS;
}
