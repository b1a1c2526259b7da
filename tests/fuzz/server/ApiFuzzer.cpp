// Requests of devices over HTTP, whatever they hold: method, target below /api/v1 and body, a line each, up
// to eight requests. All go through the dispatcher with a token that is good, over storage in memory. Every
// request is answered once, in form, and none brings out an error of the program.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "media/base/Random.hpp"
#include "server/Api.hpp"
#include "server/Routes.hpp"
#include "signaling/Service.hpp"
#include "signaling/Tokens.hpp"
#include "signaling/storage/MemoryStorage.hpp"

using namespace sotto;

namespace {

const std::string secret = "an hmac key of thirty-two bytes!";
constexpr signaling::Now now{base::Timestamp::millis(1000), 1'800'000'000'000};

class NoMedia final : public signaling::MediaPlane {
 public:
  void request(const std::string&, control::RequestBody, Done) override {}
  std::optional<signaling::MediaAddress> address(const std::string&) const override { return std::nullopt; }
};

struct World {
  World() {
    signaling::TokenClaims claims;
    claims.user = claims.name = "alice";
    claims.device = "phone";
    claims.expiresAt = 2'000'000'000;
    token = "Bearer " + signaling::issueToken(secret, claims).value();
  }
  static signaling::Settings settings() {
    signaling::Settings settings;
    settings.authSecret = secret;
    return settings;
  }
  NoMedia media;
  base::SeededRandom random{1};
  signaling::MemoryStorage storage;
  signaling::Service service{settings(), media, random, storage};
  std::string token;
};

void check(const server::HttpResponse& response) {
  if (response.status < 200 || response.status > 599 || response.status == 500) std::abort();
  if (response.contentType == "application/json" &&
      nlohmann::json::parse(response.body, nullptr, false).is_discarded()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  const server::Api api({world.service, [] { return now; }, nullptr, World::settings().limits, {1000, 1000}});
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = [&text] {
    const std::string_view taken = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return std::string(taken);
  };
  for (int i = 0; i < 8 && !text.empty(); ++i) {
    server::HttpRequest request;
    request.method = line();
    request.target = std::string(server::Api::prefix) + line();
    request.body = line();
    request.authorization = world.token;
    int answers = 0;
    api.handle(request, [&](const server::HttpResponse& response) {
      ++answers;
      check(response);
    });
    world.storage.drain();
    if (answers != 1) std::abort();
  }
  return 0;
}
