#pragma once
#include <charconv>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pg_result;

namespace luge {

/// The rows of one statement, as text. Owning, move-only; views into it live as long as it does.
class QueryResult {
 public:
  /// Null is libpq's way to say that nothing could be sent: a failed result without rows.
  explicit QueryResult(pg_result* result);

  std::size_t rows() const;
  std::size_t columns() const;
  bool is_null(std::size_t row, std::size_t column) const;
  /// "" for NULL.
  std::string_view text(std::size_t row, std::size_t column) const;
  std::string string(std::size_t row, std::size_t column) const { return std::string(text(row, column)); }
  std::optional<std::string> optional_string(std::size_t row, std::size_t column) const {
    if (is_null(row, column)) return std::nullopt;
    return string(row, column);
  }
  bool boolean(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }
  /// 0 for NULL and for what is not a number in T's range.
  template <class T>
  T number(std::size_t row, std::size_t column) const {
    const std::string_view value = text(row, column);
    T out{};
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), out);
    return failure == std::errc{} && end == value.data() + value.size() ? out : T{};
  }
  /// The command tag's row count ("COPY 5"), or 0.
  std::uint64_t affected() const;

  /// For Connection: libpq's ExecStatusType, and the result itself.
  int status() const;
  pg_result* get() const { return result_.get(); }

 private:
  struct Free {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

}  // namespace luge
