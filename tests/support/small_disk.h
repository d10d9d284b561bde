#pragma once
#include <functional>
#include <string>

namespace luge {

/// Runs `body` in a child process with mounts of its own, where `directory` is an empty file system of `size` ("64k", "8m"). Its failed
/// expectations are this test's failures. Works for root, and for others where the kernel gives them user namespaces; fails otherwise.
/// Nothing stays mounted, however the child ends. What `body` opens must be opened inside it: no destructor of the test runs there.
void on_small_disk(const std::string& directory, const std::string& size, const std::function<void()>& body);

/// Inside: gives the file system another size.
bool resize_small_disk(const std::string& directory, const std::string& size);

}  // namespace luge
