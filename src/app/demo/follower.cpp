#include "app/demo/follower.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/wait.h>

#include "app/control_socket.h"

namespace luge {

Result<Follower> Follower::start(const Command& command, const PipelinePlaces& places, const std::string& directory) {
  std::error_code failure;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) return fatal("demo", "cannot find luge's own program: " + failure.message());
  std::vector<std::string> words;
  if (!command.environment.empty()) {
    words.emplace_back("/usr/bin/env");
    words.insert(words.end(), command.environment.begin(), command.environment.end());
  }
  words.push_back(self.string());
  words.insert(words.end(), command.words.begin(), command.words.end());
  TRY(Child child, Child::start({std::move(words), directory + "/luge.log", directory, "", SIGTERM}));
  return Follower(std::move(child), places);
}

Result<std::string> Follower::call(const ControlRequest& request, const std::function<bool(const std::string&)>& on_line) const {
  TRY(auto client, ControlClient::connect(places_.socket));
  if (!client) return fatal("not_running", "luge does not answer yet");
  return client->call(request, on_line);
}

Result<StatusDocument> Follower::status() const {
  TRY(const std::string json, call({"status", {}}));
  return parse_status(json);
}

Result<std::string> Follower::ask(const std::string& sql) const {
  std::string cell;
  TRY([[maybe_unused]] const std::string done, call({"query", {{"sql", sql}}}, [&](const std::string& line) {
        const auto parsed = nlohmann::json::parse(line, nullptr, false);
        if (const auto row = parsed.find("row"); row != parsed.end() && cell.empty() && row->at(0).is_string()) cell = row->at(0);
        return true;
      }));
  return cell;
}

Result<VerifyReport> Follower::verify() const {
  TRY(const std::string json, call({"verify", {}}));
  return parse_verify_report(json);
}

void Follower::kill() {
  child_.send(SIGKILL);
  ended_ = child_.wait(std::chrono::seconds(10));
}

bool Follower::stop() {
  if (!alive()) return false;
  child_.send(SIGTERM);
  return finish(std::chrono::seconds(30));
}

bool Follower::finish(std::chrono::seconds patience) {
  if (!ended_) ended_ = child_.wait(patience);
  return ended_ && WIFEXITED(*ended_) && WEXITSTATUS(*ended_) == 0;
}

bool Follower::alive() {
  if (!ended_) ended_ = child_.wait(std::chrono::milliseconds(0));
  return !ended_;
}

}  // namespace luge
