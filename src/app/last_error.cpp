#include "app/last_error.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace luge {

namespace {
std::string path_in(const std::string& directory) { return directory + "/last_error.json"; }
}  // namespace

void store_last_error(const std::string& directory, const Error& error) {
  const nlohmann::json document{{"code", error.code}, {"what", error.what}, {"hint", error.hint}};
  std::ofstream(path_in(directory)) << document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void forget_last_error(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove(path_in(directory), ignored);
}

std::optional<StatusDocument::Problem> load_last_error(const std::string& directory) {
  std::ifstream file(path_in(directory));
  if (!file) return std::nullopt;
  const auto document = nlohmann::json::parse(file, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto text = [&](const char* name) { return document.value(name, std::string()); };
  return StatusDocument::Problem{text("code"), text("what"), text("hint")};
}

}  // namespace luge
