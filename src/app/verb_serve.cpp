#include <atomic>
#include <cstdio>
#include <memory>
#include <random>
#include <signal.h>
#include <unistd.h>

#include "app/error_report.h"
#include "app/pipeline_places.h"
#include "app/run_admin.h"
#include "app/serve/catalog_place.h"
#include "app/serve/running_hosts.h"
#include "app/serve/service_view.h"
#include "app/serve/service_watch.h"
#include "app/serve/spec_options.h"
#include "app/verbs.h"
#include "base/log.h"
#include "service/manager/pipeline_manager.h"

namespace luge {

namespace {

constexpr Duration kTellAtTheEnd = std::chrono::seconds(3);

std::atomic<PipelineManager*> running_manager{nullptr};
std::atomic<int> ends_requested{0};

/// The first one drains every pipeline. The second ends the process at once, which is as safe as a kill.
void on_end(int /*number*/) {
  if (ends_requested.fetch_add(1) > 0) ::_exit(static_cast<int>(ExitCode::failed));
  PipelineManager* const manager = running_manager.load();
  if (manager == nullptr) ::_exit(static_cast<int>(ExitCode::done));
  manager->request_drain();
}

void on_reload(int /*number*/) {
  if (PipelineManager* const manager = running_manager.load(); manager != nullptr) manager->request_reload();
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

/// While it lives, signals reach this manager.
class SignalScope {
 public:
  explicit SignalScope(PipelineManager& manager) { running_manager = &manager; }
  ~SignalScope() { running_manager = nullptr; }
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
};

std::string owner_name() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  std::random_device random;
  char text[320];
  std::snprintf(text, sizeof text, "%s/%d/%08x", host, static_cast<int>(::getpid()), random());
  return text;
}

Result<std::vector<AlertReceiver>> make_receivers(const ServeSettings& settings, const Clock& clock) {
  std::vector<AlertReceiver> receivers;
  for (const ServeSettings::Receiver& receiver : settings.receivers) {
    TRY(auto sink, WebhookSink::create(receiver.webhook, clock));
    receivers.push_back({std::move(sink), receiver.plan});
  }
  return receivers;
}

Result<ExitCode> serve(Options options, const Environment& environment) {
  if (options.http.empty()) options.http = "127.0.0.1:9000";
  const SystemClock clock;
  TRY(OpenedCatalog opened, open_catalog(options, environment));
  CHECK_OK(place_leases(opened, options));
  TRY(const SecretResolver secrets, open_secrets(environment));
  TRY(auto receivers, make_receivers(options.serve, clock));
  std::random_device random;

  RunningHosts hosts;
  ManagerOptions managing;
  managing.owner = owner_name();
  managing.seed = random();
  AlertManager::Options alerting;
  alerting.random_seed = random();
  AlertKeeper keeper(*opened.catalog);
  AlertManager alerts(std::move(receivers), alerting, clock);
  WalMonitor::Options monitoring;
  monitoring.schedule.tick = options.serve.wal_interval;
  WalMonitor monitor(monitoring, clock, {});
  auto manager = std::make_unique<PipelineManager>(managing, *opened.catalog, *opened.leases, secrets, SpecRules{check_spec},
                                                   make_task_factory(hosts, environment));
  const SignalScope signals(*manager);
  ServiceView view(*opened.catalog, *manager, hosts, monitor, alerts, clock);
  std::unique_ptr<AdminServer> admin;
  if (options.http != "off") {
    CHECK_OK(make_private_directory(opened.directory));
    TRY(AdminServerOptions server, admin_server_options(options, opened.directory + "/admin.token"));
    TRY(admin, AdminServer::start(std::move(server), view));
  }
  log_event(LogLevel::info, "serving", "the pipelines of the catalog are kept running",
            {{"catalog", opened.catalog->description()}, {"owner", managing.owner}, {"http", admin ? admin->url() : "off"}});
  Status ended = ok();
  {
    const std::string host = managing.owner.substr(0, managing.owner.find('/'));
    const ServiceWatch watch({*opened.catalog, secrets, *manager, hosts, alerts, keeper, monitor, clock, host}, options.serve.wal,
                             options.serve.freshness);
    ended = manager->run();
  }
  if (!ended && ended.error().code == "tasks_stuck") {
    // Their threads cannot be ended; what they hold is not acknowledged, and comes again.
    tell_error(ended.error(), options.log == "json");
    ::_exit(static_cast<int>(ended.error().exit_code));
  }
  alerts.drain(kTellAtTheEnd);
  keeper.keep(alerts.known());
  if (!ended) return ended.error();
  return ExitCode::done;
}

}  // namespace

Result<ExitCode> serve_verb(const Options& options, const Environment& environment) {
  handle(SIGTERM, on_end);
  handle(SIGINT, on_end);
  handle(SIGHUP, on_reload);
  return serve(options, environment);
}

}  // namespace luge
