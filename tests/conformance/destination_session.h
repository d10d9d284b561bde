#pragma once
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "destination/destination.h"
#include "destination/destination_worker.h"

namespace luge::conformance {

/// How one kind of Destination is made for the suite, and what may differ between kinds.
struct DestinationQuirks {
  std::string name;
  std::function<std::string()> new_place;
  /// Not open yet. May be called several times for one place: each call is another process, which owns `fence` of the pipeline.
  std::function<std::unique_ptr<Destination>(const std::string& place, Fence fence)> make;

  bool exclusive = false;         ///< while one process has it open, another hears "locked"
  bool consistent = true;  ///< a reader sees whole transactions, and nothing that is committed after it was made
  bool keys_change = true;  ///< a table with another key goes on; else it stops until it is copied again
  std::function<bool(ValueKind kind)> holds;  ///< whether it has values of a kind; empty: of all
  bool copies_are_logged = false;  ///< rows of a copy are in the log
  /// The table of current state, as a query names it.
  std::function<std::string(const std::string& place, const TableName& name)> table;
  /// The column's value in the words of the suite (see all_scalar_types), as an SQL expression.
  std::function<std::string(const ColumnSchema& column)> text;
  /// The table that has one row for every change, as a query names it; empty: there is none.
  std::function<std::string(const std::string& place, const TableName& name)> log;
};

inline void PrintTo(const DestinationQuirks& quirks, std::ostream* out) { *out << quirks.name; }

/// A destination as one process of luge has it: opened, and seen through its worker.
class DestinationSession {
 public:
  static constexpr auto kPatience = std::chrono::seconds(60);

  static Result<std::unique_ptr<DestinationSession>> open(std::unique_ptr<Destination> destination, const OpenRequest& request) {
    TRY(Frontier frontier, destination->open(request));
    return std::unique_ptr<DestinationSession>(new DestinationSession(std::move(destination), std::move(frontier)));
  }
  /// Ends as a crash would: nothing is closed, what waits is forgotten.
  ~DestinationSession() { worker_.reset(); }

  const Frontier& opened() const { return opened_; }
  Destination& destination() { return *destination_; }
  bool pipelined() const { return destination_->pipelined(); }

  void submit(Batch batch) {
    for (BatchOp& op : batch.ops) {
      if (const auto* rows = std::get_if<Rows>(&op)) batch.rows += rows->chunk.rows;
    }
    while (!worker_->try_submit(batch)) {
      if (auto outcome = worker_->try_take_outcome()) {
        taken_.push_back(std::move(*outcome));
      } else {
        wait();
      }
    }
  }
  /// The answer to the oldest batch without one.
  Result<Frontier> next_outcome() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (auto outcome = try_take_outcome()) return std::move(*outcome);
      wait();
    }
    return fatal("test_timeout", "no answer in time");
  }
  std::optional<Result<Frontier>> try_take_outcome() {
    if (taken_.empty()) return worker_->try_take_outcome();
    std::optional<Result<Frontier>> first(std::move(taken_.front()));
    taken_.pop_front();
    return first;
  }
  /// Batches whose answers were not taken from here.
  std::size_t in_flight() const { return worker_->in_flight() + taken_.size(); }
  void record_intent(const Intent& intent) { worker_->record_intent(intent); }

  /// After an error, as the same process does it.
  Status reopen(const OpenRequest& request) {
    worker_.reset();
    taken_.clear();
    TRY(opened_, destination_->open(request));
    start();
    return ok();
  }

  /// Only close() may follow: epochs begin before a worker does.
  Status begin_epoch(Epoch epoch) {
    worker_.reset();
    return destination_->begin_epoch(epoch);
  }

  /// All answers must have been taken.
  Status close() {
    worker_.reset();
    return destination_->close();
  }

 private:
  DestinationSession(std::unique_ptr<Destination> destination, Frontier opened) : destination_(std::move(destination)), opened_(std::move(opened)) {
    start();
  }
  void start() {
    worker_ = std::make_unique<DestinationWorker>(*destination_, [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      wake_.notify_one();
    });
  }
  void wait() {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(20), [this] { return woken_; });
    woken_ = false;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  std::unique_ptr<Destination> destination_;
  Frontier opened_;
  std::deque<Result<Frontier>> taken_;
  std::unique_ptr<DestinationWorker> worker_;
};

}  // namespace luge::conformance
