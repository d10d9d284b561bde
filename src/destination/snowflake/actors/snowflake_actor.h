#pragma once
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "destination/snowflake/actors/actor_pool.h"
#include "destination/snowflake/actors/refusal_count.h"
#include "destination/snowflake/ingest/ingest_client.h"

namespace luge {

/// One thread with one client and the channels that are its own: encodes their rows and sends them, each channel in order, several in turn.
class SnowflakeActor {
 public:
  explicit SnowflakeActor(ActorPool& pool);
  ~SnowflakeActor();

  struct TruncateRow {
    Truncate truncate;
    TableSchemaPtr schema;
    std::vector<std::string> names;
    Epoch epoch = 0;
  };
  struct Reopen {};
  struct Forget {};
  struct Drop {};
  using Order = std::variant<std::shared_ptr<const OutgoingChunk>, TruncateRow, Reopen, Forget, Drop>;
  void post(std::shared_ptr<Channel> channel, Order order);
  /// Everything posted for it has been taken by the server (or was given up).
  bool idle(const Channel& channel) const;
  void request_stop() { thread_.request_stop(); }

 private:
  /// A channel as its actor sees it.
  struct Lane {
    std::shared_ptr<Channel> channel;
    std::deque<Order> orders;
    std::uint32_t next_row = 0;  ///< of the chunk in front
    std::unique_ptr<NdjsonEncoder> encoder;
    std::vector<std::string> encoder_names;
    EncodedRows encoded;
    std::size_t sent = 0;        ///< rows of `encoded`
    std::size_t encoded_orders = 0;  ///< finished once `encoded` is sent
    bool open = false;
    bool replaying = false;      ///< what comes may be at the server already
    bool dead = false;           ///< its table has stopped: what comes is thrown away
    Instant not_before;
    std::optional<Instant> opening_since;  ///< of an opening that waits for something
    Duration open_again{};
    RefusalCount refusals;
  };

  void run(const std::stop_token& stop);
  void sort_in(std::pair<std::shared_ptr<Channel>, Order> post);
  /// True: something was done.
  bool advance(Lane& lane, const std::stop_token& stop);
  bool open(Lane& lane, const std::stop_token& stop);
  /// True: the opening comes again later, and the lane alone waits.
  bool put_off(Lane& lane, const Error& error, bool last);
  /// A call for the lane was refused: the service's trouble, the pool's end or the table's.
  void refused(Lane& lane, const Error& error);
  /// Of the rows that were not sent; nullopt: of none, or of copied ones.
  static std::optional<Position> first_waiting(const Lane& lane);
  void encode(Lane& lane);
  void encode_chunk(Lane& lane, const OutgoingChunk& outgoing);
  bool send(Lane& lane, const std::stop_token& stop);
  void give_up(Lane& lane, TableTrouble trouble);
  void throw_away(Lane& lane);
  /// A call for a forgotten channel failed.
  void let_go(Lane& lane, const Error& error);
  void finish_encoded(Lane& lane);
  NdjsonEncoder& encoder(Lane& lane, const TableSchemaPtr& schema, const std::vector<std::string>& names, Epoch epoch, RowLayout layout,
                         bool transformed);

  ActorPool& pool_;
  std::unique_ptr<IngestClient> client_;

  mutable std::mutex mutex_;
  std::condition_variable_any posted_;
  std::deque<std::pair<std::shared_ptr<Channel>, Order>> inbox_;
  std::map<const Channel*, std::size_t> unfinished_;  ///< orders of each channel that are not wholly sent

  std::map<const Channel*, Lane> lanes_;  ///< the thread's own
  std::jthread thread_;
};

/// The table stopped because a call or a book said so.
TableTrouble finding_trouble(const Channel& channel, ChannelProgress::Finding finding);
TableTrouble refusal_trouble(const Channel& channel, const Error& error);
Error stalled_error(const Channel& channel);

}  // namespace luge
