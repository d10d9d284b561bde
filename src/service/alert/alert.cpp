#include "service/alert/alert.h"

namespace luge {

std::string_view to_string(AlertSeverity severity) {
  switch (severity) {
    case AlertSeverity::info: return "info";
    case AlertSeverity::warning: return "warning";
    case AlertSeverity::critical: return "critical";
  }
  return "unknown";
}

std::string_view to_string(AlertKind kind) {
  switch (kind) {
    case AlertKind::wal: return "wal";
    case AlertKind::pipeline_failed: return "pipeline_failed";
    case AlertKind::gap: return "gap";
    case AlertKind::quarantine: return "quarantine";
    case AlertKind::breaker: return "breaker";
    case AlertKind::freshness: return "freshness";
    case AlertKind::service: return "service";
    case AlertKind::test: return "test";
  }
  return "unknown";
}

std::string_view to_string(AlertMessage::Event event) {
  switch (event) {
    case AlertMessage::Event::fired: return "fired";
    case AlertMessage::Event::changed: return "changed";
    case AlertMessage::Event::reminded: return "reminded";
    case AlertMessage::Event::resolved: return "resolved";
  }
  return "unknown";
}

}  // namespace luge
