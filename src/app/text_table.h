#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luge {

/// Columns lined up for people: a heading, a rule, rows. Widths count characters of UTF-8, not bytes.
class TextTable {
 public:
  enum class Align : char { left, right };
  explicit TextTable(std::vector<std::string> heading, std::vector<Align> aligns = {});

  /// Each cell as printable_text() of at most `widest` characters.
  void add(std::vector<std::string> row, std::size_t widest = 200);
  /// NULL is shown as "NULL".
  void add_values(const std::vector<std::optional<std::string>>& row, std::size_t widest = 60);
  std::size_t rows() const { return rows_.size(); }

  std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::string> heading_;
  std::vector<Align> aligns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters that a terminal shows for `text`, each as one column.
std::size_t display_width(std::string_view text);

}  // namespace luge
