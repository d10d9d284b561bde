#include "source/catalog_watcher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "postgres/cancel_on_stop.h"
#include "postgres/sqlstate.h"
#include "source/catalog_reader.h"

namespace luge {

namespace {

constexpr std::size_t kMostQuestions = 64;
constexpr int kTries = 3;
constexpr int kLookShare = 20;  // looking takes at most a twentieth of the time
constexpr int kRestIntervals = 5;
using SteadyClock = std::chrono::steady_clock;

}  // namespace

CatalogWatcher::CatalogWatcher(ConnectionOptions source, CatalogScanOptions scan, const std::vector<FollowedTable>& followed,
                               const std::string& memory, Duration interval, std::function<void()> wake)
    : source_(std::move(source)),
      publication_(scan.publication),
      interval_(interval),
      wake_(std::move(wake)),
      cache_(scan.cache),
      scan_(std::move(scan), followed, memory) {
  if (cache_) member_.emplace(*cache_, [this](SchemaCache::Member::When when) { look_when(when); });
  thread_ = std::jthread(InLogContext([this](const std::stop_token& stop) { run(stop); }));
}

CatalogWatcher::~CatalogWatcher() = default;

void CatalogWatcher::look_when(SchemaCache::Member::When when) {
  {
    const std::lock_guard lock(mutex_);
    (when == SchemaCache::Member::When::now ? look_now_ : look_soon_) = true;
  }
  asked_.notify_one();
}

bool CatalogWatcher::may_rest() const { return member_ && settled_ && !look_failed_ && !member_->is_reader(); }

bool CatalogWatcher::try_request(RelationOid oid, std::vector<Oid> types) {
  {
    const std::lock_guard lock(mutex_);
    if (questions_.size() >= kMostQuestions) return false;
    questions_.push_back({oid, std::move(types)});
  }
  asked_.notify_one();
  return true;
}

std::optional<CatalogWatcher::Answer> CatalogWatcher::try_take_answer() {
  const std::lock_guard lock(mutex_);
  if (answers_.empty()) return std::nullopt;
  std::optional<Answer> taken(std::move(answers_.front()));
  answers_.pop_front();
  return taken;
}

std::optional<CatalogChange> CatalogWatcher::try_take_change() {
  const std::lock_guard lock(mutex_);
  if (changes_.empty()) return std::nullopt;
  std::optional<CatalogChange> taken(std::move(changes_.front()));
  changes_.pop_front();
  return taken;
}

bool CatalogWatcher::first_look_taken() const {
  const std::lock_guard lock(mutex_);
  return looked_ && changes_.empty();
}

Lsn CatalogWatcher::publication_seen() const {
  const std::lock_guard lock(mutex_);
  return publication_seen_;
}

void CatalogWatcher::run(const std::stop_token& stop) {
  SteadyClock::time_point next_look{};
  while (!stop.stop_requested()) {
    std::optional<Question> question;
    {
      std::unique_lock lock(mutex_);
      asked_.wait_until(lock, stop, next_look, [this] { return !questions_.empty() || look_now_ || look_soon_; });
      if (stop.stop_requested()) return;
      if (std::exchange(look_soon_, false)) {
        next_look = std::min(next_look, SteadyClock::now() + interval_);
        continue;
      }
      look_now_ = look_now_ && !questions_.empty();
      if (!questions_.empty()) {
        question = std::move(questions_.front());
        questions_.pop_front();
      }
    }
    bool news = true;
    if (question) {
      Answer found = answer(*question, stop);
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(found));
    } else {
      news = look(stop);
      next_look = SteadyClock::now() + (may_rest() ? kRestIntervals : 1) * std::max<SteadyClock::duration>(interval_, look_took_ * kLookShare);
    }
    if (news) wake_();
  }
}

namespace {

Result<Snapshot> snapshot_of(Connection& sql) {
  TRY(const QueryResult rows, sql.query("SELECT pg_catalog.pg_current_snapshot()::text"));
  auto snapshot = Snapshot::parse(rows.text(0, 0));
  if (!snapshot) return fatal("malformed", "pg_current_snapshot() answered something that is no snapshot");
  return *std::move(snapshot);
}

}  // namespace

Status CatalogWatcher::connect(const std::stop_token& stop) {
  if (connection_ && !connection_->broken()) return ok();
  TRY(Connection opened, Connection::open(source_, Connection::Kind::sql, stop));
  connection_.emplace(std::move(opened));
  return ok();
}

CatalogWatcher::Answer CatalogWatcher::answer(const Question& question, const std::stop_token& stop) {
  for (int attempt = 1;; ++attempt) {
    Status connected = connect(stop);
    Result<std::optional<CatalogTable>> table = std::optional<CatalogTable>{};
    Snapshot seen;
    if (connected) {
      const CancelOnStop cancel(*connection_, stop);
      auto taken = snapshot_of(*connection_);
      if (taken) {
        seen = *std::move(taken);
        table = CatalogReader(*connection_, publication_).describe_table(question.oid, question.types);
      } else {
        table = std::move(taken).error();
      }
    } else {
      table = connected.error();
    }
    if (table) return {question.oid, std::move(table), std::move(seen)};
    connection_.reset();
    const bool repeat = table.error().recovery != Recovery::stop_pipeline && attempt < kTries && !stop.stop_requested();
    if (repeat) continue;
    Error error = table.error();
    if (error.recovery == Recovery::retry) error.recovery = Recovery::reconnect;
    return {question.oid, std::move(error)};
  }
}

/// Whether there is anything new to take.
bool CatalogWatcher::look(const std::stop_token& stop) {
  // The reader's own version of last time is too old for it; the others take it for as long as the next one may be on its way.
  const bool reads = !member_ || member_->is_reader();
  const auto max_age = std::chrono::duration_cast<Duration>(reads ? interval_ / 2 : interval_ * 2);
  settled_ = false;
  if (cache_ && !look_failed_) {
    const auto version = cache_->recent_version(max_age);
    settled_ = version && scan_.note_unchanged(*version);
    if (settled_) {
      look_took_ = {};  // of an earlier look, this one cost nothing: a slow first one would make every rest minutes long
      return note({});
    }
  }
  const SteadyClock::time_point before = SteadyClock::now();
  Status connected = connect(stop);
  refused_ = !connected && connected.error().code == sqlstate::kCannotConnectNow;
  Result<std::vector<CatalogChange>> changes = std::vector<CatalogChange>{};
  if (connected) {
    const CancelOnStop cancel(*connection_, stop);
    if (cache_) {
      const auto version = cache_->version(*connection_, max_age, stop);
      changes = version ? scan_.look(*connection_, version->get()) : version.error();
    } else {
      changes = scan_.look(*connection_);
    }
  } else {
    changes = connected.error();
  }
  // How long nobody answered says nothing of what a look costs.
  const bool answered = connected && !connection_->broken();
  look_took_ = answered ? std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - before) : std::chrono::milliseconds{0};
  if (!changes) {
    connection_.reset();  // a transaction may be open on it
    if (!look_failed_ && !stop.stop_requested()) log_event(LogLevel::warn, "catalog_unread", changes.error().message());
    if (member_ && !stop.stop_requested()) member_->could_not_read();  // one that stops hands over when it goes
    look_failed_ = true;
    return true;
  }
  look_failed_ = false;
  return note(*std::move(changes));
}

bool CatalogWatcher::note(std::vector<CatalogChange> changes) {
  const std::lock_guard lock(mutex_);
  const bool news = !looked_ || !changes.empty() || publication_seen_ != scan_.publication_seen();
  std::move(changes.begin(), changes.end(), std::back_inserter(changes_));
  looked_ = true;
  publication_seen_ = scan_.publication_seen();
  return news;
}

}  // namespace luge
