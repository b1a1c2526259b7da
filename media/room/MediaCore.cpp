#include "media/room/MediaCore.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/frame/FramePool.hpp"
#include "media/ice/IceLite.hpp"
#include "media/ice/Stun.hpp"
#include "media/room/Counters.hpp"
#include "media/room/ParameterCheck.hpp"
#include "media/room/Room.hpp"

namespace sotto::room {

using base::SocketAddress;
using base::Timestamp;

namespace {
/// Addresses of one endpoint that are remembered: a few networks, and what a NAT makes of them.
constexpr size_t maxAddresses = 8;

std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

struct TransparentHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
}  // namespace

struct MediaCore::Impl {
  /// Where an endpoint is known by its addresses and its ICE fragment.
  struct Place {
    Room* room = nullptr;
    Endpoint* endpoint = nullptr;
    std::string ufrag;
    std::deque<SocketAddress> addresses;  ///< oldest first
  };

  Impl(const dtls::Certificate& certificate, base::Random& random, base::DatagramBatch& batch,
       EventSink& sink)
      : out(batch), events(sink), resources{certificate, random, batch, packets, frames, counters} {}

  base::DatagramBatch& out;
  EventSink& events;
  base::PacketPool packets;
  frame::FramePool frames;
  Counters counters;
  Resources resources;
  std::unordered_map<std::string, std::unique_ptr<Room>> rooms;
  std::unordered_map<const Endpoint*, std::unique_ptr<Place>> places;
  std::unordered_map<std::string, Place*, TransparentHash, std::equal_to<>> byUfrag;
  std::unordered_map<SocketAddress, Place*> byAddress;

  Room* findRoom(const std::string& name) {
    const auto found = rooms.find(name);
    return found == rooms.end() ? nullptr : found->second.get();
  }

  void setUfrag(Place& place, const std::string& ufrag) {
    if (!place.ufrag.empty()) byUfrag.erase(place.ufrag);
    place.ufrag = ufrag;
    byUfrag[ufrag] = &place;
  }
  void learnAddress(Place& place, const SocketAddress& address);
  void forget(const Endpoint& endpoint);
  void onStun(base::ByteView datagram, const SocketAddress& from, Timestamp now);

  /// Runs `action(room, endpoint)`, which returns an error or nothing; says so when either is unknown.
  template <typename Action>
  std::string withEndpoint(const std::string& roomName, const std::string& endpointName, Action&& action) {
    Room* room = findRoom(roomName);
    if (room == nullptr) return "no room " + quoted(roomName);
    Endpoint* endpoint = room->find(endpointName);
    if (endpoint == nullptr) return "no endpoint " + quoted(endpointName) + " in room " + quoted(roomName);
    return action(*room, *endpoint);
  }

  std::string run(const control::CreateRoom& request, Timestamp now);
  std::string run(const control::CloseRoom& request, Timestamp now);
  std::string run(const control::CreateEndpoint& request, Timestamp now);
  std::string run(const control::UpdateEndpoint& request, Timestamp now);
  std::string run(const control::RemoveEndpoint& request, Timestamp now);
  std::string run(const control::SetSlotWishes& request, Timestamp now);
  std::string run(const control::SetRateCap& request, Timestamp now);
  std::string run(const control::SetTrackMuted& request, Timestamp now);
  std::string run(const control::GetStatistics&, Timestamp) { return {}; }
  control::Statistics statistics() const;
};

void MediaCore::Impl::learnAddress(Place& place, const SocketAddress& address) {
  const auto known = byAddress.find(address);
  if (known != byAddress.end() && known->second == &place) return;
  if (known != byAddress.end()) {
    // Someone else was there before: an address is where its last proven owner is.
    std::erase(known->second->addresses, address);
  }
  if (place.addresses.size() == maxAddresses) {
    byAddress.erase(place.addresses.front());
    place.addresses.pop_front();
  }
  place.addresses.push_back(address);
  byAddress[address] = &place;
}

void MediaCore::Impl::forget(const Endpoint& endpoint) {
  const auto found = places.find(&endpoint);
  if (found == places.end()) return;
  for (const SocketAddress& address : found->second->addresses) byAddress.erase(address);
  byUfrag.erase(found->second->ufrag);
  places.erase(found);
}

std::string MediaCore::Impl::run(const control::CreateRoom& request, Timestamp now) {
  if (request.room.empty()) return "a room needs a name";
  if (findRoom(request.room) != nullptr) return "room " + quoted(request.room) + " is there already";
  rooms[request.room] = std::make_unique<Room>(request, resources, events, now);
  return {};
}

std::string MediaCore::Impl::run(const control::CloseRoom& request, Timestamp) {
  Room* room = findRoom(request.room);
  if (room == nullptr) return "no room " + quoted(request.room);
  for (const auto& endpoint : room->endpoints()) forget(*endpoint);
  rooms.erase(request.room);
  return {};
}

std::string MediaCore::Impl::run(const control::CreateEndpoint& request, Timestamp now) {
  const control::EndpointParameters& parameters = request.parameters;
  Room* room = findRoom(parameters.room);
  if (room == nullptr) return "no room " + quoted(parameters.room);
  if (room->find(parameters.endpoint) != nullptr) {
    return "endpoint " + quoted(parameters.endpoint) + " is in room " + quoted(parameters.room) + " already";
  }
  if (std::string error = checkParameters(parameters); !error.empty()) return error;
  if (byUfrag.contains(parameters.ice.localUfrag)) return "the local ICE fragment is in use";
  auto place = std::make_unique<Place>();
  place->room = room;
  place->endpoint = &room->add(parameters, now);
  setUfrag(*place, parameters.ice.localUfrag);
  places[place->endpoint] = std::move(place);
  return {};
}

std::string MediaCore::Impl::run(const control::UpdateEndpoint& request, Timestamp now) {
  const control::EndpointParameters& parameters = request.parameters;
  return withEndpoint(
      parameters.room, parameters.endpoint, [&](Room& room, Endpoint& endpoint) -> std::string {
        if (std::string error = checkParameters(parameters); !error.empty()) return error;
        if (!(parameters.fingerprint == endpoint.parameters().fingerprint)) {
          return "another fingerprint is another connection: remove the endpoint and create it anew";
        }
        if (parameters.sender != endpoint.parameters().sender)
          return "the sender number of an endpoint is fixed";
        const auto taken = byUfrag.find(parameters.ice.localUfrag);
        if (taken != byUfrag.end() && taken->second->endpoint != &endpoint)
          return "the local ICE fragment is in use";
        room.update(endpoint, parameters, now);
        setUfrag(*places.at(&endpoint), parameters.ice.localUfrag);
        return {};
      });
}

std::string MediaCore::Impl::run(const control::RemoveEndpoint& request, Timestamp now) {
  return withEndpoint(request.room, request.endpoint, [&](Room& room, Endpoint& endpoint) -> std::string {
    forget(endpoint);
    room.remove(endpoint, now);
    return {};
  });
}

std::string MediaCore::Impl::run(const control::SetSlotWishes& request, Timestamp now) {
  return withEndpoint(request.room, request.endpoint, [&](Room& room, Endpoint& endpoint) {
    return room.setWishes(endpoint, request.wishes, now);
  });
}

std::string MediaCore::Impl::run(const control::SetRateCap& request, Timestamp now) {
  return withEndpoint(request.room, request.endpoint, [&](Room& room, Endpoint& endpoint) -> std::string {
    room.setRateCap(endpoint, request.bitsPerSecond, now);
    return {};
  });
}

std::string MediaCore::Impl::run(const control::SetTrackMuted& request, Timestamp now) {
  return withEndpoint(request.room, request.endpoint, [&](Room& room, Endpoint& endpoint) {
    return room.setMuted(endpoint, request.mid, request.muted, now);
  });
}

control::Statistics MediaCore::Impl::statistics() const {
  control::Statistics statistics;
  counters.appendTo(statistics.counters);
  size_t endpoints = 0, connected = 0, tracks = 0;
  for (const auto& [name, room] : rooms) {
    for (const auto& endpoint : room->endpoints()) {
      ++endpoints;
      connected += endpoint->transport().ready() ? 1 : 0;
      tracks += endpoint->publisher().tracks().size();
    }
  }
  statistics.counters.push_back({"media_rooms", rooms.size()});
  statistics.counters.push_back({"endpoints", endpoints});
  statistics.counters.push_back({"endpoints_connected", connected});
  statistics.counters.push_back({"tracks", tracks});
  statistics.counters.push_back({"frame_pool_bytes", frames.allocatedBytes()});
  statistics.counters.push_back({"packet_pool_packets", packets.allocated()});
  return statistics;
}

void MediaCore::Impl::onStun(base::ByteView datagram, const SocketAddress& from, Timestamp now) {
  const auto message = ice::StunMessage::parse(datagram);
  if (!message) {
    counters.add(Count::RejectedStun);
    return;
  }
  const auto found = byUfrag.find(ice::IceLite::receiverFragment(*message));
  if (found == byUfrag.end()) {
    counters.add(Count::RejectedStunCredentials);
    return;
  }
  Place& place = *found->second;
  if (place.endpoint->transport().onStun(*message, from, now)) learnAddress(place, from);
}

MediaCore::MediaCore(const dtls::Certificate& certificate, base::Random& random, base::DatagramBatch& out,
                     EventSink& events)
    : impl_(std::make_unique<Impl>(certificate, random, out, events)) {}

MediaCore::~MediaCore() = default;

control::Reply MediaCore::handle(const control::Request& request, Timestamp now) {
  control::Reply reply;
  reply.id = request.id;
  try {
    reply.error = std::visit([&](const auto& body) { return impl_->run(body, now); }, request.body);
  } catch (const std::exception& error) {
    // Such as a library that cannot make another DTLS connection, or the system no random numbers: what was
    // asked for is not there, all else is as before.
    reply.error = std::string("the request failed: ") + error.what();
  }
  if (std::holds_alternative<control::GetStatistics>(request.body)) reply.statistics = impl_->statistics();
  return reply;
}

void MediaCore::onDatagram(base::MutableByteView datagram, const SocketAddress& from, Timestamp now,
                           base::TimeDelta waited) {
  Counters& counters = impl_->counters;
  counters.add(Count::PacketsReceived);
  counters.add(Count::BytesReceived, datagram.size());
  if (datagram.empty() || datagram.size() > base::PacketBuffer::capacity) {
    counters.add(datagram.empty() ? Count::RejectedMalformed : Count::RejectedTooLarge);
    return;
  }
  if (ice::StunMessage::looksLikeStun(datagram)) {
    impl_->onStun(datagram, from, now);
    return;
  }
  const auto place = impl_->byAddress.find(from);
  if (place == impl_->byAddress.end()) {
    counters.add(Count::RejectedUnknownSource);
    return;
  }
  place->second->endpoint->transport().onDatagram(datagram, now, waited);
}

void MediaCore::onTime(Timestamp now) {
  for (const auto& [name, room] : impl_->rooms) room->onTime(now);
}

Timestamp MediaCore::nextDeadline() const {
  Timestamp due = Timestamp::plusInfinity();
  for (const auto& [name, room] : impl_->rooms) due = std::min(due, room->nextDeadline());
  return due;
}

}  // namespace sotto::room
