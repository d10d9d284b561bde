#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "model/pg_type.h"

namespace luge {

enum class ValueState : std::uint8_t {
  null,
  unchanged,  ///< pgoutput 'u': the value was not sent because it did not change; never NULL
  text,
  binary,
};

/// One value as it stands in the frame. Borrowed: valid until the next frame is read.
struct ValueView {
  ValueState state = ValueState::null;
  std::string_view bytes;
};

enum class RowOp : char {
  insert = 'i',
  update = 'u',
  remove = 'd',
  old_image = 'o',  ///< precedes its update in a chunk: the old key (or old full row); same ordinal
};

enum class OldTuple : std::uint8_t { none, key, full };

/// One change of one table, borrowed from the wire: `after` for insert and update, `before` for delete and where the stream sent it.
struct TableRow {
  RelationOid relation = 0;
  RowOp op = RowOp::insert;
  OldTuple old_tuple = OldTuple::none;
  std::span<const ValueView> before;  ///< as long as the relation's columns; for key tuples non-key values are null and mean "absent"
  std::span<const ValueView> after;
};

}  // namespace luge
