#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace luge {

// How people write numbers. Pure; nullopt: not a value of this kind.

/// Digits, with '_' between them allowed: 100000, 100_000.
std::optional<std::uint64_t> parse_count(std::string_view text);
/// 64MiB, 256MB, 1GiB, 512k, 1000. KB, MB, GB are powers of ten; KiB, MiB, GiB and bare K, M, G are powers of two.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// 500ms, 2s, 1min, 1h; a bare number is milliseconds.
std::optional<Duration> parse_duration(std::string_view text);
/// on, off, true, false, yes, no, 1, 0.
std::optional<bool> parse_flag(std::string_view text);

/// "64 MiB", "1.5 GiB", "812 B".
std::string format_bytes(std::uint64_t bytes);
/// "350 ms", "12 s", "3 min 20 s", "2 h 5 min".
std::string format_duration(Duration duration);
/// "1,234,567".
std::string format_count(std::uint64_t count);

}  // namespace luge
