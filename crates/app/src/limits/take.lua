-- The arithmetic of core::pace, where everybody sees the same state. All times in microseconds of the callers' clocks.
-- KEYS: when the memory began, the limit. ARGV: now, interval, ahead, wanted, horizon, rest.
local now, interval, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, horizon, rest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local began = tonumber(redis.call('GET', KEYS[1]))
if not began then
    began = now
    redis.call('SET', KEYS[1], ARGV[1])
end
local paced = tonumber(redis.call('GET', KEYS[2])) or 0
-- Nobody can be further ahead than this: the clock of whoever wrote it was wrong.
if paced > now + horizon + ahead + interval + 1000000 then
    paced = now + interval
end
paced = math.max(paced, began + rest)

local even = math.max(paced, now)
local room = now + horizon - (even - ahead)
local count = 0
if room >= 0 then
    count = math.min(wanted, math.floor(room / interval) + 1)
end
if count > 0 then
    local after = even + interval * count
    redis.call('SET', KEYS[2], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 10000)
end
return { string.format('%.0f', paced), count }
