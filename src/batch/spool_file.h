#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/buffer.h"

namespace luge {

/// A file without a name: the kernel forgets it with the process, however that ends. Made at the first write, mode 0600, append-only.
/// Space comes back when an extent is freed. Errors: "disk_full" (recovery retry) or "spool_io" (stop_pipeline). Single thread.
class SpoolFile {
 public:
  struct Extent {
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
  };

  explicit SpoolFile(std::string directory) : directory_(std::move(directory)) {}
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  Result<Extent> write(const Buffer& bytes);
  Result<Buffer> read(const Extent& extent) const;
  /// Gives the space back; offsets start again at 0 once every extent is freed.
  void free(const Extent& extent);

  /// Bytes of the extents that are not freed.
  std::size_t bytes() const { return live_bytes_; }

 private:
  Status open();

  std::string directory_;
  int fd_ = -1;
  std::uint64_t end_ = 0;
  std::size_t live_bytes_ = 0;
};

}  // namespace luge
