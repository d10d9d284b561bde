#pragma once

namespace luge::redis_scripts {

// Redis runs a script as a whole, and nothing beside it. Each answers with a word; what follows it is for people. A command that was given up after a
// timeout may still arrive, even after its repetition and what came then: each script names what it must find, so that a late copy finds that
// changed and does nothing, and a repetition finds its own work done.

/// KEYS: owner, last write. ARGV: the owner that must be there ('' for none), the next one, the token of this call.
inline constexpr const char* kAcquire = R"(
local owner = redis.call('GET', KEYS[1]) or ''
if owner == ARGV[2] and redis.call('GET', KEYS[2]) == ARGV[3] then return 'ok' end
if owner ~= ARGV[1] then return 'changed' end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 'ok')";

/// KEYS: owner, state. ARGV: fence, the record that must be there ('' for none), the next one.
inline constexpr const char* kSave = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
local there = redis.call('GET', KEYS[2]) or ''
if there == ARGV[3] then return 'ok' end
if there ~= ARGV[2] then return 'changed' end
redis.call('SET', KEYS[2], ARGV[3])
return 'ok')";

/// KEYS: owner, state, ledger, last write. ARGV: fence.
inline constexpr const char* kRemove = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return 'ok')";

/// KEYS: owner, ledger, last write. ARGV: fence, the last write that must be there ('' for none), the token of this one, then for each change: 's',
/// key, value, or 'd', key.
inline constexpr const char* kSaveLedger = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
local last = redis.call('GET', KEYS[3]) or ''
if last == ARGV[3] then return 'ok' end
if last ~= ARGV[2] then return 'changed' end
local i = 4
while i <= #ARGV do
  if ARGV[i] == 's' then
    redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2])
    i = i + 3
  else
    redis.call('HDEL', KEYS[2], ARGV[i + 1])
    i = i + 2
  end
end
redis.call('SET', KEYS[3], ARGV[3])
return 'ok')";

}  // namespace luge::redis_scripts
