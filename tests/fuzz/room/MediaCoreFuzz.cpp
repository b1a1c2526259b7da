// Datagrams to a media core in whatever order: from strangers, from the address of a participant, and sealed
// by a participant, so that the fuzzer gets past SRTP to RTP, RTCP, the payload formats and the trailers;
// with requests and time between them. Two participants are connected; since a handshake costs more than an
// input, they serve for a while before they are replaced.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "media/room/MediaCore.hpp"
#include "tests/unit/room/ScriptedPeer.hpp"

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Silence final : room::EventSink {
  void onEvent(const control::Event&) override {}
};

class Scene {
 public:
  static constexpr int lifetime = 200;  ///< inputs

  Scene() : certificate_(dtls::Certificate::generate()), core_(certificate_, random_, out_, silence_) {
    request(control::CreateRoom{"room"});
    for (const char* name : {"alice", "bob"}) {
      const auto number = static_cast<uint8_t>(peers_.size() + 1);
      peers_.push_back(std::make_unique<test::ScriptedPeer>(name, number, number, random_, certificate_));
      test::ScriptedPeer& peer = *peers_.back();
      peer.parameters.room = "room";
      peer.addAudioTrack("0");
      peer.addVideoTrack("1", {"q", "h"});
      peer.addSlot("a", control::MediaKind::Audio);
      peer.addSlot("v", control::MediaKind::Video);
      request(control::CreateEndpoint{peer.parameters});
      peer.connect(now_);
      for (int i = 0; i < 2'000 && !peer.connected(); ++i) pass(TimeDelta::millis(1));
      require(peer.connected());
    }
    wish("alice", "bob", 0);
    wish("bob", "alice", 0);
  }

  void play(base::ByteView input) {
    base::ByteReader reader(input);
    while (reader.remaining() > 2) {
      const uint8_t what = reader.u8();
      test::ScriptedPeer& peer = *peers_[what >> 7];
      const size_t size = std::min<size_t>(reader.u8() * 6u, reader.remaining());
      const base::ByteView bytes = reader.bytes(size);
      switch (what & 7) {
        case 0:
          feed(bytes, base::SocketAddress::v4(10, 0, 0, 1, 1'000));
          break;
        case 1:
          feed(bytes, peer.address);
          break;
        case 2:
        case 3:
          sealRtp(peer, bytes, what);
          break;
        case 4:
          peer.sendRtcp(bytes.first(std::min<size_t>(bytes.size(), 1'100)));
          break;
        case 5:
          steer(peer, bytes);
          break;
        default:
          peer.sendVideo("1", what >> 3 & 1,
                         {bytes.size() % 2 == 0, 320, 180, static_cast<uint8_t>(what >> 4 & 3)}, now_);
          break;
      }
      pass(TimeDelta::millis(what & 64 ? 25 : 1));
    }
  }

 private:
  void request(control::RequestBody body) { core_.handle({1, std::move(body)}, now_); }
  void wish(const std::string& who, const std::string& whom, uint32_t height) {
    control::SlotWish wish;
    wish.mid = "v";
    wish.mode = height == 1 ? control::SlotWish::Mode::Auto : control::SlotWish::Mode::Participant;
    wish.participant = whom;
    wish.maxHeight = height;
    request(control::SetSlotWishes{"room", who, {wish}});
  }
  void feed(base::ByteView bytes, const base::SocketAddress& from) {
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    core_.onDatagram(copy, from, now_);
  }
  /// A header that fits a stream, and anything after it; or anything at all.
  void sealRtp(test::ScriptedPeer& peer, base::ByteView bytes, uint8_t what) {
    if (bytes.size() < 12) return;
    std::vector<uint8_t> packet(
        bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(bytes.size(), 1'400)));
    packet[0] = static_cast<uint8_t>((packet[0] & 0x3F) | 0x80);
    if ((what & 8) != 0) {
      packet[0] = static_cast<uint8_t>(packet[0] & 0xF0);
      packet[1] =
          static_cast<uint8_t>((packet[1] & 0x80) | ((what & 16) != 0 ? test::vp8Type : test::vp9Type));
      base::storeU32(&packet[8], peer.ssrcOf("1", what >> 5 & 1));
    }
    peer.sendRtp(base::ByteView(packet).first(12), base::ByteView(packet).subspan(12));
  }
  void steer(test::ScriptedPeer& peer, base::ByteView bytes) {
    const uint8_t choice = bytes.empty() ? 0 : bytes[0];
    switch (choice & 3) {
      case 0:
        request(control::SetTrackMuted{"room", peer.name, (choice & 4) != 0 ? "0" : "1", (choice & 8) != 0});
        break;
      case 1:
        request(control::SetRateCap{"room", peer.name, uint64_t{choice} * 4'000});
        break;
      case 2:
        wish(peer.name, peer.name == "bob" ? "alice" : "bob", choice >> 2);
        break;
      default:
        peer.sendPli(peer.parameters.slots[1].ssrc);
        break;
    }
  }
  void pass(TimeDelta duration) {
    const Timestamp end = now_ + duration;
    while (now_ < end) {
      now_ = now_ + TimeDelta::millis(1);
      for (const auto& peer : peers_) {
        peer->onTime(now_);
        for (auto& datagram : peer->takeOutgoing()) core_.onDatagram(datagram, peer->address, now_);
      }
      if (core_.nextDeadline() <= now_) core_.onTime(now_);
      out_.forEachDatagram([&](const base::SocketAddress& destination, base::ByteView datagram) {
        require(datagram.size() <= 1'500);
        for (const auto& peer : peers_) {
          if (peer->address == destination) peer->onDatagram(datagram, now_);
        }
      });
      out_.clear();
    }
  }

  base::SeededRandom random_{1};
  dtls::Certificate certificate_;
  base::DatagramBatch out_{1 << 20, 4'096};
  Silence silence_;
  Timestamp now_ = Timestamp::millis(1'000'000);
  std::vector<std::unique_ptr<test::ScriptedPeer>> peers_;
  room::MediaCore core_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<Scene> scene;
  static int used = 0;
  if (scene == nullptr || ++used == Scene::lifetime) {
    scene.reset();
    scene = std::make_unique<Scene>();
    used = 0;
  }
  scene->play({data, size});
  return 0;
}
