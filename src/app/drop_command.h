#pragma once
#include <string>

#include "service/catalog/catalog_rows.h"

namespace luge {

/// What is left at the source of a pipeline whose row is removed.
struct SlotLeftBehind {
  std::string slot;
  std::string command;  ///< `luge drop …` for a shell, with libpq's variables before it where settings hold ${NAME}; other secrets are left out
  std::string note;     ///< how to give what the command leaves out; "": it leaves out nothing
};

/// `contents`: with the rows of the pipeline, before they are removed.
SlotLeftBehind slot_left_behind(const PipelineRow& row, const CatalogContents& contents);

/// For people, two or three lines.
std::string text_of(const SlotLeftBehind& left);

}  // namespace luge
