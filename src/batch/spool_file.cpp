#include "batch/spool_file.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include "base/ensure.h"

namespace luge {

namespace {

Error file_error(const char* action, const std::string& directory, int error_number) {
  const std::string what = std::string("the spool file of open transactions cannot be ") + action + " in " + directory + ": " +
                           std::generic_category().message(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return make_error(Recovery::retry, "disk_full", what, "free space in that directory, or let luge use another one (its state directory)");
  }
  return fatal("spool_io", what);
}

}  // namespace

SpoolFile::~SpoolFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status SpoolFile::open() {
  fd_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ >= 0) return ok();
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return file_error("made", directory_, errno);
  // A file system without nameless files: the name lives for a moment only.
  std::string name = directory_ + "/spool-XXXXXX";
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) return file_error("made", directory_, errno);
  if (::unlink(name.c_str()) != 0) return file_error("unlinked", directory_, errno);
  return ok();
}

Result<SpoolFile::Extent> SpoolFile::write(const Buffer& bytes) {
  if (fd_ < 0) CHECK_OK(open());
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(end_ + done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error_number = written == 0 ? ENOSPC : errno;
      if (::ftruncate(fd_, static_cast<off_t>(end_)) != 0) return file_error("cut", directory_, errno);
      return file_error("written", directory_, error_number);
    }
    done += static_cast<std::size_t>(written);
  }
  const Extent extent{end_, bytes.size()};
  end_ += bytes.size();
  live_bytes_ += bytes.size();
  return extent;
}

Result<Buffer> SpoolFile::read(const Extent& extent) const {
  Buffer bytes;
  bytes.resize(extent.bytes);
  std::size_t done = 0;
  while (done < extent.bytes) {
    const ssize_t got = ::pread(fd_, bytes.data() + done, extent.bytes - done, static_cast<off_t>(extent.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return file_error("read", directory_, got == 0 ? EIO : errno);
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

void SpoolFile::free(const Extent& extent) {
  ENSURE(live_bytes_ >= extent.bytes, "an extent of the spool file was freed twice");
  live_bytes_ -= extent.bytes;
  // Both only give space back: where they fail, the file keeps it until the process ends.
  if (live_bytes_ == 0) {
    if (::ftruncate(fd_, 0) == 0) end_ = 0;
  } else if (extent.bytes > 0) {
    (void)::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset), static_cast<off_t>(extent.bytes));
  }
}

}  // namespace luge
