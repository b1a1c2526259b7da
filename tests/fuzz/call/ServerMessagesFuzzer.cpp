// A hostile server: whatever it says, line by line, while sockets close and time passes, the client's session
// stays in a state of its own. The first byte of each line chooses what happens.
#include <cstdlib>
#include <string_view>

#include "client/native/call/CallSession.hpp"
#include "client/native/call/SignalingMessages.hpp"

using namespace sotto;
using namespace sotto::client::call;

namespace {

struct Silence final : SignalingSocket, CallObserver {
  void open() override {}
  void send(std::string text) override {
    if (text.empty() || text.front() != '{') std::abort();
  }
  void close() override {}
};

CallOptions options() {
  CallOptions options;
  options.token = "token";
  options.roomSecret.assign(32, 7);
  options.microphone = true;
  options.audioSlots = 1;
  options.videoSlots = 1;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parseServerMessage(text));
  Silence silence;
  base::DatagramBatch out{1 << 20};
  base::SeededRandom random(1);
  base::Timestamp now = base::Timestamp::millis(1'000);
  CallSession session(options(), silence, out, random, silence);
  session.start(now);
  session.onSocketOpen(now);
  for (int lines = 0; lines < 30 && !text.empty(); ++lines) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) continue;
    if (line.front() == '0') {
      now = now + base::TimeDelta::millis(static_cast<int64_t>(line.size()) * 100);
      session.onTime(now);
    } else if (line.front() == '1') {
      session.onSocketClosed("lost", now, line.size() > 4 ? 4001 : 0);
    } else if (line.front() == '2') {
      session.onSocketOpen(now);
    } else {
      session.onSocketMessage(line, now);
    }
    out.clear();
  }
  return 0;
}
