// Companions as child processes; see the header.
#include "client/native/cli/Companions.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace sotto::client::cli {
namespace {

/// A day: nobody means more.
constexpr double longestSeconds = 86'400;

bool parseSeconds(const std::string& text, base::TimeDelta& out) {
  double seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return false;
  if (!(seconds >= 0) || seconds > longestSeconds) return false;
  out = base::TimeDelta::micros(static_cast<int64_t>(seconds * 1e6));
  return true;
}

}  // namespace

base::Expected<Stay> parseStay(const std::string& text) {
  const size_t colon = text.rfind(':'), dash = text.find('-', colon == std::string::npos ? 0 : colon);
  Stay stay;
  const bool formed = colon != std::string::npos && colon > 0 && dash != std::string::npos &&
                      parseSeconds(text.substr(colon + 1, dash - colon - 1), stay.from) &&
                      parseSeconds(text.substr(dash + 1), stay.to);
  if (!formed || stay.to <= stay.from) {
    return base::fail("--rotate " + text + ": expected NAME:FROM-TO, in seconds");
  }
  stay.name = text.substr(0, colon);
  return stay;
}

base::Expected<Companions> Companions::create(Call call, std::vector<Stay> stays) {
  std::string folder = (std::filesystem::temp_directory_path() / "sotto-companions-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    return base::fail("no folder can be made for the companions: " + std::string(std::strerror(errno)));
  }
  std::stable_sort(stays.begin(), stays.end(), [](const Stay& a, const Stay& b) { return a.from < b.from; });
  return Companions(std::move(call), std::move(stays), std::move(folder));
}

Companions::Companions(Call call, std::vector<Stay> stays, std::string folder)
    : call_(std::move(call)), stays_(std::move(stays)), folder_(std::move(folder)) {}

Companions::Companions(Companions&& other) noexcept
    : call_(std::move(other.call_)),
      stays_(std::move(other.stays_)),
      folder_(std::exchange(other.folder_, {})),
      processes_(std::exchange(other.processes_, {})) {}

Companions::~Companions() {
  if (folder_.empty()) return;
  finish();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

base::TimeDelta Companions::nextStart() const {
  return processes_.size() < stays_.size() ? stays_[processes_.size()].from : base::TimeDelta::infinite();
}

base::Expected<void> Companions::startDue(base::TimeDelta elapsed) {
  while (nextStart() <= elapsed) {
    if (auto started = start(stays_[processes_.size()]); !started) return started;
  }
  return {};
}

std::string Companions::pathOf(size_t index, const char* what) const {
  return folder_ + "/" + std::to_string(index) + "." + what;
}

base::Expected<void> Companions::start(const Stay& stay) {
  const size_t index = processes_.size();
  std::ostringstream seconds;
  seconds << (stay.to - stay.from).secondsAsDouble();
  std::vector<std::string> words{
      "sotto-client",       "join",   "--server",   call_.server,  "--room",
      call_.room,           "--name", stay.name,    "--store",     pathOf(index, "device"),
      "--synthetic",        "180p",   "--duration", seconds.str(), "--json",
      pathOf(index, "json")};
  if (!call_.suite.empty()) words.insert(words.end(), {"--suite", call_.suite});
  if (call_.insecure) words.emplace_back("--insecure");
  if (!call_.caFile.empty()) words.insert(words.end(), {"--ca-file", call_.caFile});
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, pathOf(index, "log").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return base::fail(stay.name + " cannot be started: " + std::strerror(error));
  processes_.push_back(pid);
  return {};
}

std::vector<std::string> Companions::finish() {
  // To those who have left by themselves this says nothing any more.
  for (const pid_t pid : processes_) {
    if (pid != 0) ::kill(pid, SIGINT);
  }
  std::vector<std::string> reports;
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (processes_[i] != 0) ::waitpid(std::exchange(processes_[i], 0), nullptr, 0);
    std::ifstream file(pathOf(i, "json"));
    std::ostringstream text;
    text << file.rdbuf();
    reports.push_back(text.str());
  }
  return reports;
}

}  // namespace sotto::client::cli
