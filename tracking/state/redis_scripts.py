"""The functions that Redis runs for questions, and the script by which one call runs those of a whole batch.

A batch is atomic: no other process answers in between. A function is called with its keys, the strings KEYS, and its
arguments, the strings and numbers ARGV; what it returns is the reply. An error is the reply to its question alone.
"""

from __future__ import annotations

PROCESS_SECONDS = 91 * 86_400  # longer than the longest window, so that its claims can be judged
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

# A visit is one string, which is half the work of a hash. Its fields: 1 id, 2 device, 3 start, 4 last, 5 view, 6 1 if
# its device is new, 7 screen, 8 language, 9 when its key by id was written, 10 its origin as JSON. The key by id holds
# the name of the visit's key; it expires with it, but is not written anew for every hit
VISITS = """
local function read(name)
  local packed = redis.call('GET', name)
  return packed and cmsgpack.unpack(packed)
end
local function write(name, prefix, visit, at, seconds)
  if math.abs(at - visit[9]) >= 60000 then
    visit[9] = at
    redis.call('SET', prefix .. string.format('%.0f', visit[1]), name, 'EX', seconds)
  end
  redis.call('SET', name, cmsgpack.pack(visit), 'EX', seconds)
end
"""

# The value of a claim is its time with three digits of milliseconds, then the number of its process (12 digits) and
# that of the batch. A process says with each batch up to which of its batches everything is in its spool. So a claim is
# `stored`, or `open`, or `free`: its process has ended, and the next one has not found its event in the spool. Claims
# without these numbers, as earlier versions make them, count as stored; earlier versions read all values as times
CLAIMS = """
local PROCESS, ENDED, STORED = 'footfall:process:', 'footfall:ended:', 'footfall:stored:'
local MAX_TIME_LENGTH = 24 -- of a value without numbers
local MAX_OPEN_SECONDS = 600 -- after which nobody waits any more for a process that has not come back
local process, batch, settled = ARGV[2], ARGV[3], ARGV[4]
if settled and settled ~= '' then redis.call('SET', PROCESS .. process, settled, 'EX', PROCESS_SECONDS) end
local function claim(at)
  return batch and string.format('%.3f', at) .. process .. batch or at
end
local function read_time(value) return tonumber(string.match(value, '^%-?%d+%.?%d?%d?%d?')) end
local function judge(name, seconds, event)
  local value = redis.call('GET', name)
  local claimer, number = string.match(value, '^%d+%.%d%d%d(%d%d%d%d%d%d%d%d%d%d%d%d)(%d+)$')
  if not claimer or claimer == process then return 'stored' end
  if tonumber(number) <= tonumber(redis.call('GET', PROCESS .. claimer) or 0) then return 'stored' end
  if redis.call('EXISTS', ENDED .. claimer) == 0 then
    return seconds - redis.call('TTL', name) < MAX_OPEN_SECONDS and 'open' or 'free'
  end
  if event == '' then return 'open' end
  return event and redis.call('SISMEMBER', STORED .. claimer, event) == 1 and 'stored' or 'free'
end
""".replace("PROCESS_SECONDS", str(PROCESS_SECONDS))

# KEYS: the visit of the device, of its other key, of the client's number, the sender's id ('' = none), the filters, the
# visit that the process knows: the open one, or the one to open; the event's id, but only in a question that is asked
# again (else '', which is 'undecided' where the id is needed). ARGV: 1 at, 2 idle, 3 the client's number, 4 1 if the
# other key is the one before consent, 5 1 for bots, 6 view, 7 screen, 8 language, 9 until when the sender's id is
# claimed, 10 for how many seconds, 11 prefix of the keys by id, 12 seconds until a visit expires, 13 '' if no visit may
# be opened, 'new' or 'continued' for the one that follows, 'known' if it must be sent first, 14 id of the visit that
# the process knows; 15-24 the fields of the one to open, 25- as SEEN has them.
# A claim ends by the clock of Redis alone: those of the processes may differ by more than it lasts.
JOIN_VISIT = """
function functions.join_visit(KEYS, ARGV)
  local at, idle, is_bot, proposed = ARGV[1], ARGV[2], ARGV[5] == 1, ARGV[13]
  local function open_visit(name)
    local visit = read(name)
    return visit and visit[3] - idle <= at and at <= visit[4] + idle and visit or nil
  end
  local function refuse(reason)
    if KEYS[4] ~= '' then redis.call('DEL', KEYS[4]) end
    return {reason}
  end
  if KEYS[4] ~= '' and not redis.call('SET', KEYS[4], claim(ARGV[9]), 'NX', 'EX', ARGV[10]) then
    local found = judge(KEYS[4], ARGV[10], KEYS[7])
    if found ~= 'free' then return {found == 'stored' and 'duplicate' or 'undecided'} end
    redis.call('SET', KEYS[4], claim(ARGV[9]), 'EX', ARGV[10])
  end
  local name, visit = KEYS[1], nil
  if KEYS[3] ~= '' then
    local named = redis.call('GET', KEYS[3])
    visit = named and open_visit(named)
    if visit and visit[1] == ARGV[3] then name = named else visit = nil end
  end
  visit = visit or open_visit(name)
  if not visit and KEYS[2] ~= '' then
    visit = open_visit(KEYS[2])
    if visit and ARGV[4] == 0 then
      name = KEYS[2]
    elseif visit then
      if seen(KEYS[5], ARGV, 25, not is_bot) then visit = nil else visit[9] = 0 end -- its key by id changes
    end
  end
  if not visit and proposed == 'known' then return refuse('lost') end
  if not visit and not is_bot and proposed == '' then return refuse('unknown_visit') end
  if not visit and proposed == 'continued' then -- the process has it, but nothing is lost: a later one was begun
    for i = 1, 3 do
      if KEYS[i] ~= '' and redis.call('EXISTS', KEYS[i]) == 1 then return refuse('stale') end
    end
  end
  if not visit and is_bot then return {'none', seen(KEYS[5], ARGV, 25, false) and 1 or 0} end
  local opened = 0
  if not visit then
    visit = {}
    for i = 1, 10 do visit[i] = ARGV[14 + i] end
    local known = seen(KEYS[5], ARGV, 25, true)
    if proposed == 'new' then
      visit[6] = known and 0 or 1
      opened = 1
    end
  end
  if at > visit[4] then visit[4] = at end
  if ARGV[6] ~= 0 then visit[5] = ARGV[6] end
  for i = 7, 8 do
    if visit[i] == '' then visit[i] = ARGV[i] end
  end
  if not is_bot then write(name, ARGV[11], visit, at, ARGV[12]) end
  if visit[1] == ARGV[14] and name == KEYS[6] then
    return {'same', opened, visit[4], visit[5], visit[6], visit[7], visit[8]}
  end
  return {'joined', opened, name, unpack(visit)}
end
"""

# KEYS: the visit, the filters. ARGV: 1-10 its fields, 11 prefix of the keys by id, 12 seconds, 13- as SEEN has them
RESTORE_VISIT = """
function functions.restore_visit(KEYS, ARGV)
  local visit = {}
  for i = 1, 10 do visit[i] = ARGV[i] end
  write(KEYS[1], ARGV[11], visit, visit[4], ARGV[12])
  seen(KEYS[2], ARGV, 13, true)
end
"""

# KEYS: the key, then its older names. ARGV: 1 time, 2 seconds of the window, 3 seconds to live. Returns 1 if the key is
# the first, 0 if it is not, 2 if that is not decided
CLAIM_FIRST = """
function functions.claim_first(KEYS, ARGV)
  local function find_taken(name)
    local value = redis.call('GET', name)
    if not value then return nil end
    if math.abs(ARGV[1] - read_time(value)) >= ARGV[2] then return nil end
    local found = judge(name, ARGV[3])
    if found == 'stored' then return 0 end
    return found == 'open' and 2 or nil
  end
  for i = 2, #KEYS do
    local taken = find_taken(KEYS[i])
    if taken then return taken end
  end
  if redis.call('SET', KEYS[1], claim(ARGV[1]), 'NX', 'EX', ARGV[3]) then return 1 end -- nearly always
  local taken = find_taken(KEYS[1])
  if taken then return taken end
  redis.call('SET', KEYS[1], claim(ARGV[1]), 'EX', ARGV[3])
  return 1
end
"""

# KEYS: the key. ARGV: 1 time, 2 seconds to live. What is stored is claimed, whoever has claimed it
RESTORE_CLAIM = """
function functions.restore_claim(KEYS, ARGV)
  if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return end
  if #redis.call('GET', KEYS[1]) > MAX_TIME_LENGTH then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
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

# ARGV: seconds to live
COUNT_REQUEST = """
function functions.count_request(KEYS, ARGV)
  local count = redis.call('INCR', KEYS[1])
  if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
  return count
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

# ARGV: 1 the questions as JSON, which is quicker to make and to read than a word for each value: for each one the name
# of its function, its keys and its arguments; integers are below 2^53, so that JSON's numbers are exact. 2 the number
# of the process; from an event loop also 3 the number of the batch, 4 that of the last batch of which everything is in
# the spool, '' if Redis knows it
BATCH = f"""
local functions = {{}}
{CLAIMS}{SEEN}{VISITS}{JOIN_VISIT}{RESTORE_VISIT}{CLAIM_FIRST}{RESTORE_CLAIM}{TAKE_NUMBER}{COUNT_REQUEST}{GET_SALT}{COMMAND}
local replies = {{}}
for i, question in ipairs(cjson.decode(ARGV[1])) do
  local done, reply = pcall(functions[question[1]], question[2], question[3])
  if not done and type(reply) ~= 'table' then reply = {{err = reply}} end
  replies[i] = reply or false
end
return replies
"""
