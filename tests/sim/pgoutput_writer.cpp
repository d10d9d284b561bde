#include "sim/pgoutput_writer.h"

#include <cstdint>
#include <string_view>

namespace luge {

namespace {

class Bytes {
 public:
  explicit Bytes(char tag) : out_(1, tag) {}

  template <class Integer>
  Bytes& integer(Integer value) {
    for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
      out_ += static_cast<char>((static_cast<std::uint64_t>(value) >> shift) & 0xff);
    }
    return *this;
  }
  Bytes& letter(char value) {
    out_ += value;
    return *this;
  }
  Bytes& text(std::string_view value) {
    out_ += value;
    out_ += '\0';
    return *this;
  }
  Bytes& stream_xid(Xid xid) { return xid == 0 ? *this : integer(static_cast<Xid32>(xid)); }
  Bytes& value(const Cell& cell) {
    if (!cell) return letter('n');
    letter('t').integer(static_cast<std::int32_t>(cell->size()));
    out_ += *cell;
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

std::int16_t live_columns(const TableDef& def) {
  std::int16_t count = 0;
  for (const SimColumn& column : def.columns) {
    if (!column.dropped) ++count;
  }
  return count;
}

const Cell& cell_of(const Values& values, const SimColumn& column) { return values[static_cast<std::size_t>(column.attnum - 1)]; }

void key_tuple(Bytes& out, const TableDef& def, const Values& values) {
  out.letter('K').integer(live_columns(def));
  for (const SimColumn& column : def.columns) {
    if (!column.dropped) out.value(column.in_key ? cell_of(values, column) : Cell{});
  }
}

void full_tuple(Bytes& out, char marker, const TableDef& def, const Values& values) {
  out.letter(marker).integer(live_columns(def));
  for (const SimColumn& column : def.columns) {
    if (!column.dropped) out.value(cell_of(values, column));
  }
}

// heap_update: a value that is stored out of line and was not assigned keeps its pointer, and the WAL has only that.
bool new_tuple(Bytes& out, const TableDef& def, const Values& before, const Values& after) {
  bool unchanged = false;
  out.letter('N').integer(live_columns(def));
  for (const SimColumn& column : def.columns) {
    if (column.dropped) continue;
    const Cell& cell = cell_of(after, column);
    if (is_external(column, cell) && cell_of(before, column) == cell) {
      out.letter('u');
      unchanged = true;
    } else {
      out.value(cell);
    }
  }
  return unchanged;
}

}  // namespace

std::string PgoutputWriter::begin(const SourceTransaction& transaction) {
  return Bytes('B').integer(transaction.commit_lsn.value).integer(transaction.commit_time.micros).integer(static_cast<Xid32>(transaction.xid)).take();
}

std::string PgoutputWriter::commit(const SourceTransaction& transaction) {
  return Bytes('C')
      .letter('\0')
      .integer(transaction.commit_lsn.value)
      .integer(transaction.end_lsn.value)
      .integer(transaction.commit_time.micros)
      .take();
}

std::string PgoutputWriter::origin(Lsn lsn) { return Bytes('O').integer(lsn.value).text("elsewhere").take(); }

std::string PgoutputWriter::relation(const TableDef& def, Xid stream_xid) {
  Bytes out('R');
  out.stream_xid(stream_xid)
      .integer(def.oid)
      .text(def.name.schema)
      .text(def.name.table)
      .letter(static_cast<char>(def.identity))
      .integer(live_columns(def));
  for (const SimColumn& column : def.columns) {
    if (column.dropped) continue;
    const bool flagged = column.in_key || def.identity == ReplicaIdentity::full;
    out.letter(flagged ? '\1' : '\0').text(column.name).integer(column.type).integer(std::int32_t{-1});
  }
  return out.take();
}

std::string PgoutputWriter::row(const Change& change, Xid stream_xid, bool& has_unchanged) {
  const TableDef& def = change.def();
  const bool full = def.identity == ReplicaIdentity::full;
  switch (change.kind) {
    case Change::Kind::insert: {
      Bytes out('I');
      out.stream_xid(stream_xid).integer(def.oid);
      full_tuple(out, 'N', def, *change.after);
      return out.take();
    }
    case Change::Kind::update: {
      Bytes out('U');
      out.stream_xid(stream_xid).integer(def.oid);
      if (full) {
        full_tuple(out, 'O', def, *change.before);
      } else if (def.key_of(*change.before) != def.key_of(*change.after)) {
        key_tuple(out, def, *change.before);
      }
      if (new_tuple(out, def, *change.before, *change.after)) has_unchanged = true;
      return out.take();
    }
    default: {
      Bytes out('D');
      out.stream_xid(stream_xid).integer(def.oid);
      if (full) {
        full_tuple(out, 'O', def, *change.before);
      } else {
        key_tuple(out, def, *change.before);
      }
      return out.take();
    }
  }
}

std::string PgoutputWriter::truncate(const Change& change, Xid stream_xid) {
  std::int32_t count = 0;
  for (const auto& target : change.targets) count += target.published ? 1 : 0;
  Bytes out('T');
  out.stream_xid(stream_xid).integer(count).letter('\0');
  for (const auto& target : change.targets) {
    if (target.published) out.integer(target.def->oid);
  }
  return out.take();
}

std::string PgoutputWriter::stream_start(Xid xid, bool first_segment) {
  return Bytes('S').integer(static_cast<Xid32>(xid)).letter(first_segment ? '\1' : '\0').take();
}

std::string PgoutputWriter::stream_stop() { return Bytes('E').take(); }

std::string PgoutputWriter::stream_commit(const SourceTransaction& transaction) {
  return Bytes('c')
      .integer(static_cast<Xid32>(transaction.xid))
      .letter('\0')
      .integer(transaction.commit_lsn.value)
      .integer(transaction.end_lsn.value)
      .integer(transaction.commit_time.micros)
      .take();
}

std::string PgoutputWriter::stream_abort(Xid xid, Xid subxid) {
  return Bytes('A').integer(static_cast<Xid32>(xid)).integer(static_cast<Xid32>(subxid)).take();
}

}  // namespace luge
