/**
 * Scripts that fill a partition and that look at what was filled in. Both take the same arguments, made by
 * `migration-batch.ts`; the values in Redis are those of `../redis/keys.ts`.
 *
 *   KEYS  fence, progress, apps, then those of each item
 *   ARGV  owner epoch, progress before, progress after, codes: one letter for each item; then the arguments of each item
 *
 *   progress = before → fill in      = after → done already      anything else → Behind: Redis has lost something
 */
import { FenceStatus } from '../redis/apply-script.ts';
import { type RedisScript, redisScript } from '../redis/client.ts';

/** Letters of `codes`. */
export const ItemCode = {
  /** timeline, ages; place in the list, app, uid, record. */
  Message: 'M',
  /** dedupe; mark, end in unix milliseconds. */
  Dedupe: 'D',
  /** head, timeline, ages, sessions; head, messages in the timeline, uid, then generation, revokeBefore, devices, 8 of each device. */
  User: 'U',
  /** epoch, largest message id issued. */
  Fence: 'F',
} as const;

/** Besides those of the fence: a timeline does not have the length that the items say. */
export const MISPLACED = 5;

const DEVICE_FIELDS = 8;

const ITEMS = `
local call, keys, argv = redis.call, KEYS, ARGV
local codes, k, a = argv[4], 4, 5
local function sessions()
  local at, devices = a + 3, {}
  for d = 1, tonumber(argv[at + 2]) do
    local p = at + 3 + (d - 1) * ${DEVICE_FIELDS}
    devices[d] = { argv[p], argv[p + 1], tonumber(argv[p + 2]), tonumber(argv[p + 3]), tonumber(argv[p + 4]),
      tonumber(argv[p + 5]), tonumber(argv[p + 6]), argv[p + 7] }
  end
  local generation, revokeBefore = tonumber(argv[at]), tonumber(argv[at + 1])
  local isNew = generation == 0 and revokeBefore == 0 and #devices == 0
  a = at + 3 + #devices * ${DEVICE_FIELDS}
  return not isNew and cmsgpack.pack({ generation, revokeBefore, devices })
end
`;

export const FILL: RedisScript = redisScript(
  'fill',
  `${ITEMS}
local owner, progress = redis.call('HGET', keys[1], 'o'), redis.call('GET', keys[2]) or '0'
if not owner then return { ${FenceStatus.Missing} } end
if owner ~= argv[1] then return { ${FenceStatus.Fenced} } end
if progress == argv[3] then return { ${FenceStatus.Ok} } end
if progress ~= argv[2] then return { ${FenceStatus.Behind} } end
for i = 1, #codes do
  local code = string.sub(codes, i, i)
  if code == '${ItemCode.Message}' then
    local place, record = tonumber(argv[a]), argv[a + 3]
    if call('LLEN', keys[k]) ~= place then return { ${MISPLACED} } end
    call('RPUSH', keys[k], record)
    if place == 0 then
      call('SADD', keys[3], argv[a + 1])
      call('ZADD', keys[k + 1], struct.unpack('>d', record), argv[a + 2])
    end
    k, a = k + 2, a + 4
  elseif code == '${ItemCode.Dedupe}' then
    call('SET', keys[k], argv[a], 'PXAT', argv[a + 1])
    k, a = k + 1, a + 2
  elseif code == '${ItemCode.User}' then
    if call('LLEN', keys[k + 1]) ~= tonumber(argv[a + 1]) then return { ${MISPLACED} } end
    if argv[a] ~= '0' then call('SET', keys[k], argv[a]) end
    local state = sessions()
    if state then call('SET', keys[k + 3], state) end
    k = k + 4
  else
    call('HSET', keys[1], 'v', argv[a], 'm', argv[a + 1])
    a = a + 2
  end
end
call('SET', keys[2], argv[3])
return { ${FenceStatus.Ok} }`,
);

/** Answers one number for each item: 0 when it is there as it should be. */
export const COMPARE: RedisScript = redisScript(
  'compare',
  `${ITEMS}
local out = {}
for i = 1, #codes do
  local code, isSame = string.sub(codes, i, i), true
  if code == '${ItemCode.Dedupe}' then
    local mark = call('GET', keys[k])
    isSame = mark == argv[a] or (mark and struct.unpack('>d', mark) > struct.unpack('>d', argv[a]))
    k, a = k + 1, a + 2
  elseif code == '${ItemCode.User}' then
    local first, score = call('LINDEX', keys[k + 1], 0), call('ZSCORE', keys[k + 2], argv[a + 2])
    isSame = (call('GET', keys[k]) or '0') == argv[a] and call('LLEN', keys[k + 1]) == tonumber(argv[a + 1])
      and (first and struct.unpack('>d', first)) == (score and tonumber(score))
    isSame = call('GET', keys[k + 3]) == sessions() and isSame
    k = k + 4
  else
    local fence = call('HMGET', keys[1], 'v', 'm', 'b')
    isSame = fence[1] == argv[a] and fence[2] == argv[a + 1] and fence[3] == '0'
    a = a + 2
  end
  out[i] = isSame and 0 or 1
end
return out`,
);

export const MIGRATION_SCRIPTS: readonly RedisScript[] = [FILL, COMPARE];
