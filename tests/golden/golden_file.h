#pragma once
#include <map>
#include <string>
#include <vector>

namespace luge {

/// One capture of capture.py: payloads as a server sent them, and what an independent reader made of them.
struct GoldenFile {
  std::string name;
  std::map<std::string, std::string> options;  ///< "proto_version" -> "1"
  std::vector<std::string> payloads;
  std::vector<std::string> lines;              ///< pgoutput: one per payload; COPY: one per row
};

/// All of tests/golden/*.golden, by name. Aborts with a message if there are none or one is not well-formed.
std::vector<GoldenFile> read_golden_files();

}  // namespace luge
