#include "service/catalog/edit_errors.h"

#include <utility>

#include "service/catalog/pipeline_spec.h"

namespace luge {

namespace {

Error usage(std::string_view code, std::string what, std::string hint) {
  Error error = fatal(code, std::move(what), std::move(hint));
  error.exit_code = ExitCode::usage;
  return error;
}

}  // namespace

Error catalog_changed() {
  return make_error(Recovery::retry, "catalog_changed", "somebody else changed the catalog in the meantime",
                    "look at the difference again, then repeat");
}

Error unknown_row(RowKind kind, const std::string& name) {
  const std::string noun(to_string(kind));
  return fatal("unknown_row", "there is no " + noun + " " + shown_word(name), "luge " + noun + " list shows what there is");
}

Error in_use(const RemoveRow& removed, const std::string& pipeline) {
  return usage("in_use", std::string(to_string(removed.kind)) + " " + shown_word(removed.name) + " is used by the pipeline " + shown_word(pipeline),
               "remove or change that pipeline first");
}

}  // namespace luge
