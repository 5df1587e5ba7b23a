"""The functions that Redis runs for questions, and the script by which one call runs those of a whole batch.

A batch is atomic: no other process answers in between. A function is called with its keys, the strings KEYS, and its
arguments, the strings ARGV; what it returns is the reply. An error is the reply to its question alone.
"""

from __future__ import annotations

# Whether a device is in one of the filters of known devices; `add` puts it into the newest. A filter that an earlier
# version has filled is dropped. `arg` is the index of CAPACITY in ARGV; MAX_FILTERS, the number of set bits from which
# a filter is useless, and the device's bits follow it
SEEN = """
local function seen(name, ARGV, arg, add)
  local newest = tonumber(redis.call('GET', name .. ':newest'))
  if not newest then
    newest = 0
    if redis.call('BITCOUNT', name) > tonumber(ARGV[arg + 2]) then redis.call('DEL', name) end
    redis.call('SET', name .. ':newest', 0)
  end
  local function filter(number) return number == 0 and name or name .. ':' .. number end
  local function has(number)
    for i = arg + 3, #ARGV do
      if redis.call('GETBIT', filter(number), ARGV[i]) == 0 then return false end
    end
    return true
  end
  if has(newest) then return true end
  local found = false
  for number = newest - 1, math.max(0, newest - ARGV[arg + 1] + 1), -1 do
    if has(number) then found = true break end
  end
  if add then
    for i = arg + 3, #ARGV do redis.call('SETBIT', filter(newest), ARGV[i], 1) end
    if redis.call('INCR', name .. ':count') >= tonumber(ARGV[arg]) then
      redis.call('SET', name .. ':count', 0)
      redis.call('SET', name .. ':newest', newest + 1)
      if newest + 1 >= tonumber(ARGV[arg + 1]) then redis.call('DEL', filter(newest + 1 - ARGV[arg + 1])) end
    end
  end
  return found
end
"""

# A visit is a hash of these fields; its key by id holds the name of that hash
VISITS = """
local FIELDS = {'id', 'device', 'start', 'last', 'view_id', 'is_new', 'origin', 'screen', 'language'}
local function write(name, prefix, visit, seconds)
  redis.call('HSET', name, 'id', visit[1], 'device', visit[2], 'start', visit[3], 'last', visit[4],
    'view_id', visit[5], 'is_new', visit[6], 'origin', visit[7], 'screen', visit[8], 'language', visit[9])
  redis.call('EXPIRE', name, seconds)
  redis.call('SET', prefix .. visit[1], name, 'EX', seconds)
end
"""

# KEYS: the visit of the device, of its other key, of the client's number, the sender's id ('' = none), the filters.
# ARGV: 1 at, 2 idle, 3 the client's number, 4 1 if the other key is the one before consent, 5 1 for bots,
# 6 view, 7 screen, 8 language, 9 until when the sender's id is claimed, 10 for how many seconds,
# 11 prefix of the keys by id, 12 seconds until a visit expires,
# 13 '' if no visit may be opened, 'new' or 'continued' for the one that follows, 'known' if it must be sent first;
# 14-22 its fields, 23- as SEEN has them
# A claim ends by the clock of Redis alone: those of the processes may differ by more than it lasts. The time in it is
# what earlier versions compare.
JOIN_VISIT = """
function functions.join_visit(KEYS, ARGV)
  local at, idle, is_bot, proposed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[5] == '1', ARGV[13]
  local function open_visit(name)
    if name == '' then return nil end
    local visit = redis.call('HMGET', name, unpack(FIELDS))
    if not visit[1] then return nil end
    return tonumber(visit[3]) - idle <= at and at <= tonumber(visit[4]) + idle and visit or nil
  end
  if KEYS[4] ~= '' and redis.call('EXISTS', KEYS[4]) == 1 then return {'duplicate'} end
  local name, visit = KEYS[1], nil
  if KEYS[3] ~= '' then
    local named = redis.call('GET', KEYS[3])
    visit = named and open_visit(named)
    if visit and visit[1] == ARGV[3] then name = named else visit = nil end
  end
  visit = visit or open_visit(name)
  if not visit and KEYS[2] ~= '' then
    visit = open_visit(KEYS[2])
    if visit and ARGV[4] == '0' then
      name = KEYS[2]
    elseif visit then
      if seen(KEYS[5], ARGV, 23, not is_bot) then visit = nil end
    end
  end
  if not visit and proposed == 'known' then return {'lost'} end
  if not visit and not is_bot and proposed == '' then return {'unknown_visit'} end
  if not visit and proposed == 'continued' then -- the process has it, but nothing is lost: a later one was begun
    for i = 1, 3 do
      if KEYS[i] ~= '' and redis.call('EXISTS', KEYS[i]) == 1 then return {'stale'} end
    end
  end
  if KEYS[4] ~= '' then redis.call('SET', KEYS[4], ARGV[9], 'EX', ARGV[10]) end
  if not visit and is_bot then return {'none', seen(KEYS[5], ARGV, 23, false) and 1 or 0} end
  local opened = 0
  if not visit then
    visit = {}
    for i = 1, #FIELDS do visit[i] = ARGV[13 + i] end
    local known = seen(KEYS[5], ARGV, 23, true)
    if proposed == 'new' then
      visit[6] = known and '0' or '1'
      opened = 1
    end
  end
  if at > tonumber(visit[4]) then visit[4] = ARGV[1] end
  if ARGV[6] ~= '0' then visit[5] = ARGV[6] end
  for i = 8, 9 do
    if visit[i] == '' then visit[i] = ARGV[i - 1] end
  end
  if not is_bot then write(name, ARGV[11], visit, ARGV[12]) end
  return {'joined', opened, name, unpack(visit)}
end
"""

# KEYS: the visit, the filters. ARGV: 1-9 its fields, 10 prefix of the keys by id, 11 seconds, 12- as SEEN has them
RESTORE_VISIT = """
function functions.restore_visit(KEYS, ARGV)
  write(KEYS[1], ARGV[10], ARGV, ARGV[11])
  seen(KEYS[2], ARGV, 12, true)
end
"""

# KEYS: the key, then its older names. ARGV: 1 time, 2 seconds of the window, 3 seconds to live
CLAIM_FIRST = """
function functions.claim_first(KEYS, ARGV)
  for i = 1, #KEYS do
    local first = redis.call('GET', KEYS[i])
    if first and math.abs(tonumber(ARGV[1]) - tonumber(first)) < tonumber(ARGV[2]) then return 0 end
  end
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
  return 1
end
"""

# ARGV: what this process has counted, also alone while Redis was away
TAKE_NUMBER = """
function functions.take_number(KEYS, ARGV)
  local number = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])) + 1
  redis.call('SET', KEYS[1], number)
  return number
end
"""

# ARGV: 1 a salt, 2 seconds to live
GET_SALT = """
function functions.get_salt(KEYS, ARGV)
  redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
  return redis.call('GET', KEYS[1])
end
"""

# ARGV: the words of one of Redis' own commands
COMMAND = """
function functions.command(KEYS, ARGV)
  return redis.call(unpack(ARGV))
end
"""

# ARGV: for each question the name of its function, how many keys and arguments it has, and these
BATCH = f"""
local functions = {{}}
{SEEN}{VISITS}{JOIN_VISIT}{RESTORE_VISIT}{CLAIM_FIRST}{TAKE_NUMBER}{GET_SALT}{COMMAND}
local replies, at = {{}}, 0
local function take(count)
  local taken = {{}}
  for i = 1, count do taken[i] = ARGV[at + i] end
  at = at + count
  return taken
end
while at < #ARGV do
  local name, keys, arguments = unpack(take(3))
  local done, reply = pcall(functions[name], take(tonumber(keys)), take(tonumber(arguments)))
  if not done and type(reply) ~= 'table' then reply = {{err = reply}} end
  replies[#replies + 1] = reply or false
end
return replies
"""
