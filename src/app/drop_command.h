#pragma once
#include <string>

#include "service/catalog/catalog_rows.h"

namespace luge {

/// What is left at the source of a pipeline whose row is removed.
struct SlotLeftBehind {
  std::string slot;
  std::string command;   ///< `luge drop …` for a shell; variables are the shell's own, other secrets are left out
  std::string password;  ///< how to give the secret that the command leaves out; "": it leaves out none
};

/// `contents`: with the rows of the pipeline, before they are removed.
SlotLeftBehind slot_left_behind(const PipelineRow& row, const CatalogContents& contents);

/// For people, two or three lines.
std::string text_of(const SlotLeftBehind& left);

}  // namespace luge
