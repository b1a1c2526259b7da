// STUN messages from strangers, to the reader, the lite agent and the client's agent. The input is taken
// twice: as it is, and as the attributes of a Binding request whose header and integrity are right, so that
// the fuzzer gets past both.
#include <array>
#include <cstdlib>
#include <vector>

#include "media/ice/IceClient.hpp"
#include "media/ice/IceLite.hpp"
#include "media/ice/StunFormat.hpp"

using namespace sotto;

namespace {

constexpr const char* password = "password";
const base::SocketAddress stranger = base::SocketAddress::v4(192, 0, 2, 1, 5000);
const base::SocketAddress server = base::SocketAddress::v4(192, 0, 2, 2, 40000);

void require(bool condition) {
  if (!condition) std::abort();
}

void handle(base::ByteView datagram, bool mayAuthenticate) {
  const auto message = ice::StunMessage::parse(datagram);
  if (!message) return;
  ice::IceLite agent({"local", password, "remote"});
  std::array<uint8_t, ice::IceLite::maxResponse> response{};
  const auto result = agent.handle(*message, stranger, base::Timestamp::millis(1), response);
  require(mayAuthenticate || !result.authenticated);
  require(result.authenticated || !result.selectedChanged);
  if (result.responseSize > 0) {
    const auto answer = ice::StunMessage::parse(base::ByteView(response).first(result.responseSize));
    require(answer && answer->transactionId == message->transactionId);
  }
}

/// `attributes` behind a request header, in front of a MESSAGE-INTEGRITY that holds.
std::vector<uint8_t> authentic(base::ByteView attributes) {
  std::vector<uint8_t> bytes(ice::stunHeaderLength);
  base::storeU16(bytes.data(), ice::stunBinding);
  base::storeU32(&bytes[4], ice::stunMagicCookie);
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  bytes.resize((bytes.size() + 3) / 4 * 4);
  std::array<uint8_t, ice::integrityLength> tag{};
  const base::ByteView key(reinterpret_cast<const uint8_t*>(password), 8);
  require(ice::computeIntegrity(bytes, bytes.size(), key, tag));
  bytes.insert(bytes.end(), {0x00, 0x08, 0x00, 0x14});
  bytes.insert(bytes.end(), tag.begin(), tag.end());
  base::storeU16(&bytes[2], static_cast<uint16_t>(bytes.size() - ice::stunHeaderLength));
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1500) return 0;
  const base::ByteView input(data, size);
  // Nobody finds HMAC-SHA1 under a password that is in no input.
  handle(input, false);
  handle(authentic(input), true);

  base::SeededRandom random(1);
  ice::IceClient client({"client", "server", password, {server}}, random,
                        [](base::ByteView, const base::SocketAddress&) {});
  client.start(base::Timestamp::millis(1));
  client.onDatagram(input, server, base::Timestamp::millis(2));
  require(client.state() != ice::IceClientState::Connected);
  return 0;
}
