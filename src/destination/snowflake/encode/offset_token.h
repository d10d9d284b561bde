#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "model/position.h"

namespace luge {

/// A position as a channel's offset token and as "_LUGE_POSITION": "%08x/%016x/%016x" of epoch, commit LSN and ordinal. Its width is
/// fixed, so texts compare as positions do, in SQL too.
std::string offset_token(const Position& position);
/// The reverse; nullopt for anything offset_token does not write.
std::optional<Position> parse_offset_token(std::string_view text);

inline constexpr std::size_t kOffsetTokenSize = 42;
/// Where the ordinal's 16 digits begin.
inline constexpr std::size_t kOffsetTokenOrdinal = 26;
/// 16 digits.
char* write_hex(std::uint64_t value, char* to);

}  // namespace luge
