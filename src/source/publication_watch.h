#pragma once
#include <optional>
#include <string>

#include "base/result.h"
#include "model/lsn.h"
#include "model/pg_type.h"
#include "postgres/connection.h"
#include "source/catalog_version.h"

namespace luge {

/// The publication is gone, or another one has its name: changes between `from` and `to` may not have been decoded.
struct PublicationLoss {
  bool made_again = false;
  Lsn from;  ///< up to here it was certainly there; zero: never looked
  Lsn to;    ///< the end of the WAL when it was missed
};

/// Looks whether the publication is still the one it was. Without it a server of version 18 leaves changes out of the stream in silence;
/// earlier ones refuse to go on, and making it again does not help with what was written meanwhile.
class PublicationWatch {
 public:
  /// `known`: its OID, 0 when it is not known yet; `seen`: up to where earlier looks were certain of it.
  PublicationWatch(std::string name, Oid known, Lsn seen) : name_(std::move(name)), known_(known), seen_(seen) {}

  /// What another look told: false if it is not certain from that that it is there.
  bool note(const CatalogVersion& version);
  /// nullopt: it is there.
  Result<std::optional<PublicationLoss>> look(Connection& sql);

  Oid oid() const { return known_; }
  Lsn seen() const { return seen_; }

 private:
  const std::string name_;
  Oid known_;
  Lsn seen_;
};

}  // namespace luge
