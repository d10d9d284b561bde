#include "app/last_run.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/error_report.h"

namespace luge {

namespace {

using nlohmann::json;

std::string path_in(const std::string& directory) { return directory + "/last_run.json"; }

void store(const std::string& directory, const json& document) {
  std::ofstream(path_in(directory)) << document.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
}

json load(const std::string& directory) {
  std::ifstream file(path_in(directory));
  json document = file ? json::parse(file, nullptr, false) : json::object();
  return document.is_object() ? document : json::object();
}

}  // namespace

LastRun load_last_run(const std::string& directory) {
  const json document = load(directory);
  LastRun last;
  if (const auto tables = document.find("tables"); tables != document.end() && tables->is_string()) last.tables = tables->get<std::string>();
  if (const auto error = document.find("error"); error != document.end() && error->is_object()) {
    const auto text = [&](const char* name) { return error->value(name, std::string()); };
    last.error = StatusDocument::Problem{text("code"), text("what"), text("hint"), error->value("exit_code", 1)};
  }
  return last;
}

void note_run(const std::string& directory, const std::string& tables) { store(directory, {{"tables", tables}}); }

void note_end(const std::string& directory, const Error& error) {
  json document = load(directory);
  document["error"] = json::parse(error_json(error));
  store(directory, document);
}

void forget_last_run(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove(path_in(directory), ignored);
}

}  // namespace luge
