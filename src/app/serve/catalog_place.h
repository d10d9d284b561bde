#pragma once
#include <memory>
#include <string>

#include "app/config_file.h"
#include "app/options.h"
#include "base/result.h"
#include "service/catalog/pipeline_catalog.h"
#include "service/catalog/pipeline_leases.h"
#include "service/catalog/secret_text.h"

namespace luge {

struct OpenedCatalog {
  std::unique_ptr<PipelineCatalog> catalog;
  std::unique_ptr<PipelineLeases> leases;
  std::string directory;  ///< for what this process keeps itself: beside an SQLite catalog, else luge's directory for state
};

/// --catalog sqlite:PATH or postgres://…; default: sqlite:$XDG_STATE_HOME/luge/catalog.db. Makes what is missing. Errors: usage, the catalog's.
Result<OpenedCatalog> open_catalog(const Options& options, const Environment& environment);

/// --leases: somewhere else than in the catalog. Errors: usage.
Status place_leases(OpenedCatalog& opened, const Options& options);

/// Opens the secrets of its rows: with the keys of the environment, or of their file.
Result<SecretResolver> open_secrets(const Environment& environment);

}  // namespace luge
