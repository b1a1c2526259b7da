// The choice among a room's suites; see the header.
#include "client/native/call/SuiteChoice.hpp"

#include "client/native/e2ee/KeyProvider.hpp"

namespace sotto::client::call {
namespace {

constexpr frame::Suite fallback = frame::Suite::Duo;
/// A list that is longer is cut: it is the server's, and ends up in a sentence.
constexpr size_t mostNamed = 10;

std::string listOf(const std::vector<std::string>& suites) {
  std::string list;
  for (size_t i = 0; i < suites.size() && i < mostNamed; ++i) list += (i == 0 ? "" : ", ") + suites[i];
  return list;
}

std::string ourSuites() {
  std::vector<std::string> names;
  for (const frame::Suite suite : e2ee::allSuites) names.emplace_back(e2ee::suiteName(suite));
  return listOf(names);
}

}  // namespace

base::Expected<frame::Suite> chooseSuite(std::optional<frame::Suite> asked,
                                         const std::vector<std::string>& ofRoom) {
  if (ofRoom.empty()) return asked.value_or(fallback);
  for (const std::string& name : ofRoom) {
    const auto suite = e2ee::suiteFromName(name);
    if (suite && (!asked || *suite == *asked)) return *suite;
  }
  std::string reason =
      "this room takes only frames sealed with " + listOf(ofRoom) + "; this client has " + ourSuites();
  if (asked) reason += ", and was told to use " + std::string(e2ee::suiteName(*asked));
  return base::fail(std::move(reason));
}

}  // namespace sotto::client::call
