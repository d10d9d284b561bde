#include "app/text_table.h"

#include <algorithm>

#include "base/printable_text.h"

namespace luge {

namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::size_t display_width(std::string_view text) { return static_cast<std::size_t>(std::ranges::count_if(text, begins_character)); }

TextTable::TextTable(std::vector<std::string> heading, std::vector<Align> aligns) : heading_(std::move(heading)), aligns_(std::move(aligns)) {
  aligns_.resize(heading_.size(), Align::left);
  for (std::string& name : heading_) name = printable_text(name);
}

void TextTable::add(std::vector<std::string> row, std::size_t widest) {
  row.resize(heading_.size());
  for (std::string& cell : row) cell = printable_text(cell, widest);
  rows_.push_back(std::move(row));
}

void TextTable::add_values(const std::vector<std::optional<std::string>>& row, std::size_t widest) {
  std::vector<std::string> cells;
  for (const auto& value : row) cells.push_back(value.value_or("NULL"));
  add(std::move(cells), widest);
}

std::string TextTable::text(std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (const std::string& name : heading_) widths.push_back(display_width(name));
  for (const auto& row : rows_) {
    for (std::size_t column = 0; column < row.size(); ++column) widths[column] = std::max(widths[column], display_width(row[column]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text(indent);
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string padding(widths[column] - display_width(cells[column]), ' ');
      text += (column == 0 ? "" : "  ") + (aligns_[column] == Align::right ? padding + cells[column] : cells[column] + padding);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(heading_);
  std::vector<std::string> rule;
  for (const std::size_t width : widths) {
    std::string dashes;
    for (std::size_t i = 0; i < width; ++i) dashes += "─";
    rule.push_back(std::move(dashes));
  }
  line(rule);
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace luge
