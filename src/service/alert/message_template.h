#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/alert/alert.h"

namespace luge {

/// A text with places for what an alert says: {{title}} {{severity}} {{event}} {{key}} {{kind}} {{hint}} {{since}} {{at}} {{id}}
/// {{facts}} (one "name: value" per line) and {{fact:NAME}} (empty where the alert has no such fact).
class MessageTemplate {
 public:
  enum class Escape : char {
    none,
    json,  ///< for places inside a JSON string
  };

  /// Errors: usage "bad_template".
  static Result<MessageTemplate> parse(std::string_view text);

  std::string render(const AlertMessage& message, Escape escape) const;

 private:
  struct Part {
    bool place = false;
    std::string text;  ///< to be written, or the name of the place
  };
  std::vector<Part> parts_;
};

}  // namespace luge
