#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "postgres/connection.h"
#include "postgres/connection_options.h"

namespace luge {

/// Makes the demo's shop: customers, products, orders, order lines. Returns how many rows it has.
Result<std::uint64_t> create_shop(Connection& sql);

/// Writers that place, change, ship and cancel orders until they are stopped; each transaction touches several tables.
class ShopTraffic {
 public:
  ShopTraffic(const ConnectionOptions& source, unsigned writers);
  ~ShopTraffic() { stop(); }
  void stop();
  std::uint64_t transactions() const { return transactions_.load(); }
  /// What ended a writer early, or "".
  std::string failure() const { return failed_.load() ? "a writer lost its connection" : ""; }

 private:
  void write(const std::stop_token& stop, unsigned writer);
  const ConnectionOptions source_;
  std::atomic<std::uint64_t> transactions_{0};
  std::atomic<bool> failed_{false};
  std::vector<std::jthread> writers_;
};

}  // namespace luge
