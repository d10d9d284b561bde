#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/alert/delivery_plan.h"
#include "service/alert/webhook_sink.h"
#include "service/wal/wal_limits.h"

namespace luge {

/// The sections `alerts` and `wal` of the file that `luge serve --config` reads (docs/reference/alerts.md).
struct ServeSettings {
  struct Receiver {
    WebhookOptions webhook;
    DeliveryPlan::Options plan;
  };
  std::vector<Receiver> receivers;
  Duration freshness{0};  ///< how old the oldest change that is not durable may be; zero: as old as it likes
  Duration wal_interval = std::chrono::seconds(10);
  WalLimits wal;
};

/// One key of a section, its text with ${NAME} replaced and file:PATH read. `where` begins the message of an error.
Status set_alerts_key(ServeSettings& settings, std::string_view key, const std::string& text, const std::string& where);
Status set_webhook_key(ServeSettings::Receiver& receiver, std::string_view key, const std::string& text, const std::string& where);
Status set_wal_key(ServeSettings& settings, std::string_view key, const std::string& text, const std::string& where);

/// Whether a receiver's key may hold a secret, so that file:PATH is read.
bool is_webhook_secret(std::string_view key);

}  // namespace luge
