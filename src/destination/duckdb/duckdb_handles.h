#pragma once
#include <duckdb.h>
#include <string_view>
#include <utility>

namespace luge {

/// Owns one object of DuckDB's C API; `Destroy` is its duckdb_destroy_… function, which takes the address of the handle.
template <class Handle, auto Destroy>
class DuckdbHandle {
 public:
  DuckdbHandle() = default;
  explicit DuckdbHandle(Handle handle) : handle_(handle) {}
  DuckdbHandle(DuckdbHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DuckdbHandle& operator=(DuckdbHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  DuckdbHandle(const DuckdbHandle&) = delete;
  DuckdbHandle& operator=(const DuckdbHandle&) = delete;
  ~DuckdbHandle() {
    if (handle_ != nullptr) Destroy(&handle_);
  }

  Handle get() const { return handle_; }
  /// For functions that fill a handle.
  Handle* out() { return &handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using LogicalType = DuckdbHandle<duckdb_logical_type, duckdb_destroy_logical_type>;
using DataChunk = DuckdbHandle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using PreparedStatement = DuckdbHandle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using ExtractedStatements = DuckdbHandle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using PendingResult = DuckdbHandle<duckdb_pending_result, duckdb_destroy_pending>;

/// A result; DuckDB keeps it by value.
class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  ~QueryResult() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_{};
};

/// The bytes of a VARCHAR or BLOB. Borrowed from the vector.
inline std::string_view string_bytes(const duckdb_string_t& value) {
  const auto length = value.value.inlined.length;
  return {length <= 12 ? value.value.inlined.inlined : value.value.pointer.ptr, length};
}

inline bool row_is_valid(const std::uint64_t* validity, std::uint64_t row) {
  return validity == nullptr || ((validity[row >> 6] >> (row & 63)) & 1) != 0;
}

}  // namespace luge
