#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/circuit_breaker.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "destination/snowflake/actors/channel.h"
#include "model/table_record.h"

namespace luge {

class SnowflakeActor;
class StatusPoller;

/// Something that stops one table and nobody else.
struct TableTrouble {
  enum class Kind : char {
    misfit,      ///< a value that the column cannot hold; nothing of it was sent
    rejected,    ///< Snowflake refused rows: its error table says why
    miscounted,  ///< tokens and counters contradict what was sent
    refused,     ///< Snowflake takes nothing for this table, and goes on taking for others
  };
  Kind kind = Kind::misfit;
  RelationOid oid = 0;
  std::string channel;
  std::optional<Position> last_good;
  Quarantine quarantine;
};

/// The actors of a destination: each a thread with its own client, owning its channels. A channel belongs to one actor for ever, so that
/// rows of one key stay in order. Transient failures are retried inside, behind one circuit breaker for all actors; what needs the
/// rows again (a channel that somebody took) is a failure() of the whole pool: its owner begins anew behind the channels' tokens.
/// Thread-safe.
class ActorPool {
 public:
  /// Called on the actor's own thread; `stop` ends what the client waits for.
  using MakeClient = std::function<Result<std::unique_ptr<IngestClient>>(const std::stop_token& stop)>;
  struct Settings {
    std::size_t actors = 4;
    MakeClient make_client;         ///< of the transport
    MakeClient make_status_client;  ///< asks for channels' states, on a thread of its own
    std::size_t queue_bytes = 48U << 20;      ///< chunks waiting to be encoded; send() blocks beyond it
    Duration settle = std::chrono::seconds(30);  ///< for rows that an earlier owner left uncommitted
    Duration appears = std::chrono::seconds(3);  ///< until a table that was made a moment ago is known to the ingest host
    Duration longest_commit = ChannelProgress::kLongestCommit;
    CircuitBreaker::Options breaker{};
  };

  ActorPool(Settings settings, const Clock& clock, std::uint64_t seed);
  /// What was not sent is forgotten.
  ~ActorPool();

  /// A channel is opened when its first row comes.
  std::shared_ptr<Channel> add(ChannelId id, RelationOid oid, std::uint16_t shard, std::optional<ChannelMark> known);

  /// Rows of the channel's shard. Blocks while the queue is full. Error: the pool's failure, or "stopped".
  Status send(const std::shared_ptr<Channel>& channel, std::shared_ptr<const OutgoingChunk> chunk);
  Status send(const std::shared_ptr<Channel>& channel, const Truncate& truncate, TableSchemaPtr schema, std::vector<std::string> names, Epoch epoch);
  /// The table's columns have changed: it is opened again before its next row. Only when nothing of it is outstanding.
  Status reopen(const std::shared_ptr<Channel>& channel);
  /// Gives up what the channel still holds back, without a word: its table has stopped, or goes away.
  void forget(const std::shared_ptr<Channel>& channel);
  /// Removes it at the server, and here. Nothing of it may be wanted any more.
  void drop(const std::shared_ptr<Channel>& channel);

  /// Waits until all that was sent through these channels is durable; forgotten ones are not waited for. Error: "unsettled" at the deadline, the pool's failure, "table_stopped"
  /// when trouble came up in one of them.
  Status settle(const std::vector<std::shared_ptr<Channel>>& channels, Duration longest);

  /// What ended the pool, if anything.
  std::optional<Error> failure() const;
  /// The table that the failure speaks of, if of one.
  std::optional<RelationOid> failed_table() const;
  /// A failure or troubles that nobody has taken yet.
  bool has_news() const;
  std::vector<TableTrouble> take_troubles();
  /// True once trouble was reported for the table; cleared by forgive().
  bool stopped(RelationOid oid) const;
  /// It has stopped, and whoever took its trouble knows.
  bool known_stopped(RelationOid oid) const;
  /// The reason, as an error that stops one table; "table_stopped" if none is known.
  Error why_stopped(RelationOid oid) const;
  void forgive(RelationOid oid);
  /// Ends every wait; nothing goes out any more.
  void stop();

  struct Health {
    CircuitBreaker::State breaker = CircuitBreaker::State::closed;
    std::uint32_t failures = 0;
    std::string last_error;  ///< of the newest failed call; empty: none since the last good one
    std::uint64_t rows_sent = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t retries = 0;
  };
  Health health() const;
  /// Rows that became durable through each table's channels.
  std::map<RelationOid, std::uint64_t> rows_landed() const;

 private:
  friend class SnowflakeActor;
  friend class StatusPoller;

  SnowflakeActor& actor_of(const Channel& channel);
  /// Waits until the breaker lets this caller pass. False: stopped.
  bool pass(const std::stop_token& stop);
  void call_succeeded();
  /// The service answers; what it says concerns one table.
  void call_answered();
  /// Counts and logs it.
  void call_failed(const Error& error);
  /// Calls of anybody that went well.
  std::uint64_t good_calls() const;
  void fail(Error error, std::optional<RelationOid> table = std::nullopt);
  void trouble(TableTrouble trouble);
  void bytes_taken(std::size_t bytes);
  Status make_room(std::size_t bytes);

  const Settings settings_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  SeededRandom random_;
  CircuitBreaker breaker_;
  std::optional<Error> failure_;
  std::optional<RelationOid> failed_table_;
  std::uint64_t good_calls_ = 0;
  std::vector<TableTrouble> troubles_;
  std::map<RelationOid, Quarantine> stopped_tables_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  Health health_;
  std::optional<Instant> failing_since_;
  Instant last_report_;

  std::vector<std::unique_ptr<SnowflakeActor>> actors_;
  std::unique_ptr<StatusPoller> poller_;
};

}  // namespace luge
