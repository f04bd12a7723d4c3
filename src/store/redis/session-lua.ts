/**
 * The rules of `session-rules.ts` and `ticket-rules.ts` in Lua, so that a login is one call with nothing read before it.
 * The contract suites hold both to the same answers. A user's devices are one MessagePack value:
 *
 *   { generation, revokeBefore, { { deviceId, type, cursor, generation, issued, lastUsed, expires, tickets }, … } }
 *
 * Strings are compared by identity of their interned copies; what is compared of a ticket is half of its hash.
 */
import { DEVICE_EXPIRY_MS, DEVICES_MAX, GENERATIONS_PER_EPOCH } from '../session-rules.ts';
import { LoginIntent, LoginStatus, NewDeviceStart, ReauthenticateStatus, SessionPolicy } from '../store.ts';

const TICKETS = `
local function seconds(s, at) return (struct.unpack('<I4', s, at)) * 1000 end
local function checkTicket(state, key, lifetime, now)
  if #state == 0 or string.sub(state, 1, 8) ~= string.sub(key, 1, 8) then return ${LoginStatus.TicketUnknown}, 0 end
  local uses, hash = string.byte(state, 49), string.sub(key, 9, 24)
  if uses == 255 then return ${LoginStatus.Revoked}, 0 end
  local newest = string.sub(state, 9, 24) == hash
  local inUse = uses ~= 0 and string.sub(state, 25, 40) == hash
  if not newest and (not inUse or uses >= 2) then return ${LoginStatus.TicketReused}, 0 end
  local issued = seconds(state, newest and 41 or 45)
  if now - issued >= lifetime then return ${LoginStatus.TicketExpired}, 0 end
  return 0, issued
end
local function nextTicket(state, key, following, now)
  if following == '' then return '' end
  local inUse, inUseIssued, uses = string.rep('\\0', 16), string.rep('\\0', 4), 0
  if key ~= '' then
    if string.sub(state, 9, 24) == string.sub(key, 9, 24) then
      inUse, inUseIssued, uses = string.sub(state, 9, 24), string.sub(state, 41, 44), 1
    else
      inUse, inUseIssued, uses = string.sub(state, 25, 40), string.sub(state, 45, 48), string.byte(state, 49) + 1
    end
  end
  return string.sub(following, 1, 24) .. inUse .. struct.pack('<I4', math.floor(now / 1000)) .. inUseIssued
    .. string.char(uses)
end
`;

const DEVICES = `
local ID, TYPE, CURSOR, GENERATION, ISSUED, USED, EXPIRES, TICKETS = 1, 2, 3, 4, 5, 6, 7, 8
local function load(key)
  local bytes = call('GET', key)
  return bytes and cmsgpack.unpack(bytes)
end
local function save(key, state) call('SET', key, cmsgpack.pack(state)) end
local function findDevice(state, id)
  for place, device in ipairs(state[3]) do if device[ID] == id then return device, place end end
end
local function forgetOld(state, displaced, now)
  local byUse = {}
  for place, device in ipairs(state[3]) do byUse[place] = { device, place } end
  table.sort(byUse, function(a, b)
    if a[1][USED] ~= b[1][USED] then return a[1][USED] > b[1][USED] end
    return a[2] < b[2]
  end)
  local goes = {}
  for place, entry in ipairs(byUse) do
    local device = entry[1]
    if place > ${DEVICES_MAX - 1} or now - device[USED] > ${DEVICE_EXPIRY_MS} then
      goes[device[ID]] = true
      if device[GENERATION] ~= 0 then displaced[#displaced + 1] = device[GENERATION] end
    end
  end
  local kept = {}
  for _, device in ipairs(state[3]) do if not goes[device[ID]] then kept[#kept + 1] = device end end
  state[3] = kept
end
`;

const LOGIN = `
local function login(key, headKey, listKey, a)
  local id, type, intent, lastGeneration = argv[a], argv[a + 1], argv[a + 2], tonumber(argv[a + 3])
  local issued, ticket, following, lifetime = tonumber(argv[a + 4]), argv[a + 5], argv[a + 6], tonumber(argv[a + 7])
  local expires, policy, start, countMax = tonumber(argv[a + 8]), argv[a + 9], argv[a + 10], tonumber(argv[a + 11])
  local state = load(key) or { 0, 0, {} }
  local head = tonumber(call('GET', headKey) or 0)
  local floor = head + 1 - math.min(call('LLEN', listKey), countMax)
  local known, knownPlace = findDevice(state, id)
  local displaced = {}
  local cursor = known and known[CURSOR] or (start == '${NewDeviceStart.Head}' and head or floor - 1)
  local function answer(status, generation)
    return { status, generation, cursor, head, floor, issued, displaced }
  end
  if ticket ~= '' then
    if not known or known[TYPE] ~= type then return answer(${LoginStatus.TicketUnknown}, 0) end
    local refusal
    refusal, issued = checkTicket(known[TICKETS], ticket, lifetime, now)
    if refusal == ${LoginStatus.TicketReused} then
      if known[GENERATION] ~= 0 then displaced[1] = known[GENERATION] end
      known[GENERATION] = 0
      known[TICKETS] = string.sub(known[TICKETS], 1, 48) .. string.char(255)
      save(key, state)
    end
    if refusal ~= 0 then return answer(refusal, 0) end
  end
  if issued < state[2] then return answer(${LoginStatus.Revoked}, 0) end
  local rivals = {}
  for _, device in ipairs(state[3]) do
    if device[GENERATION] ~= 0 and device[ID] ~= id and policy ~= '${SessionPolicy.Many}'
      and (policy == '${SessionPolicy.OnePerUser}' or device[TYPE] == type) then
      if intent == '${LoginIntent.Resume}' and device[GENERATION] > lastGeneration then
        return answer(${LoginStatus.Replaced}, 0)
      end
      rivals[#rivals + 1] = device
    end
  end
  for _, device in ipairs(rivals) do
    displaced[#displaced + 1] = device[GENERATION]
    device[GENERATION] = 0
  end
  state[1] = math.max(state[1] + 1, (epoch - 1) * ${GENERATIONS_PER_EPOCH} + 1)
  if known then table.remove(state[3], knownPlace) end
  forgetOld(state, displaced, now)
  local tickets = nextTicket(known and known[TICKETS] or '', ticket, following, now)
  table.insert(state[3], { id, type, cursor, state[1], issued, now, expires, tickets })
  save(key, state)
  local given = answer(${LoginStatus.Current}, state[1])
  given[8] = state[2]
  for _, device in ipairs(state[3]) do
    if device[GENERATION] ~= 0 then
      given[#given + 1], given[#given + 2] = device[GENERATION], device[EXPIRES]
    end
  end
  return given
end
`;

const OTHERS = `
local function moveCursor(key, headKey, a)
  if tonumber(argv[a + 1]) ~= epoch then return end
  local state = load(key)
  local device = state and findDevice(state, argv[a])
  local seq = tonumber(argv[a + 2])
  if not device or seq <= device[CURSOR] or seq > tonumber(call('GET', headKey) or 0) then return end
  device[CURSOR], device[USED] = seq, now
  save(key, state)
end
local function revoke(key, a)
  local state, before, displaced = load(key) or { 0, 0, {} }, tonumber(argv[a]), {}
  if before <= state[2] then return displaced end
  state[2] = before
  for _, device in ipairs(state[3]) do
    if device[GENERATION] ~= 0 and device[ISSUED] < before then
      displaced[#displaced + 1] = device[GENERATION]
      device[GENERATION] = 0
    end
  end
  save(key, state)
  return displaced
end
local function reauthenticate(key, a)
  local generation, issued = tonumber(argv[a + 1]), tonumber(argv[a + 2])
  local state = load(key)
  local device = state and findDevice(state, argv[a])
  if not device or generation == 0 or device[GENERATION] ~= generation then return ${ReauthenticateStatus.NotCurrent} end
  if issued < state[2] then return ${ReauthenticateStatus.Revoked} end
  device[ISSUED], device[EXPIRES] = math.max(device[ISSUED], issued), tonumber(argv[a + 3])
  save(key, state)
  return ${ReauthenticateStatus.Renewed}
end
`;

/** A function body: needs `call`, `argv`, `now` and `epoch`; made only by batches that hold such operations. */
export const SESSION_LUA: string = `${TICKETS}${DEVICES}${LOGIN}${OTHERS}
return { login = login, moveCursor = moveCursor, revoke = revoke, reauthenticate = reauthenticate }`;
