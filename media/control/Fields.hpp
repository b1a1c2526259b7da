// The fields of every message, once: the encoder and the decoder both walk them.
// fields(visit, message) calls visit(name, member) for each; `message` may be const.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include "media/control/Messages.hpp"

namespace sotto::control::detail {

template <typename T, typename Message>
concept Is = std::same_as<std::remove_const_t<T>, Message>;

void fields(auto& visit, Is<Codec> auto& m) {
  visit("name", m.name);
  visit("payloadType", m.payloadType);
  visit("clockRate", m.clockRate);
  visit("rtxPayloadType", m.rtxPayloadType);
}
void fields(auto& visit, Is<HeaderExtensionIds> auto& m) {
  visit("mid", m.mid);
  visit("rid", m.rid);
  visit("repairedRid", m.repairedRid);
  visit("audioLevel", m.audioLevel);
  visit("transportCc", m.transportCc);
  visit("absSendTime", m.absSendTime);
}
void fields(auto& visit, Is<Track::SsrcPair> auto& m) {
  visit("media", m.media);
  visit("rtx", m.rtx);
}
void fields(auto& visit, Is<Track> auto& m) {
  visit("mid", m.mid);
  visit("kind", m.kind);
  visit("source", m.source);
  visit("muted", m.muted);
  visit("codecs", m.codecs);
  visit("extensions", m.extensions);
  visit("rids", m.rids);
  visit("ssrcs", m.ssrcs);
}
void fields(auto& visit, Is<Slot> auto& m) {
  visit("mid", m.mid);
  visit("kind", m.kind);
  visit("ssrc", m.ssrc);
  visit("rtxSsrc", m.rtxSsrc);
  visit("codecs", m.codecs);
  visit("extensions", m.extensions);
}
void fields(auto& visit, Is<IceParameters> auto& m) {
  visit("localUfrag", m.localUfrag);
  visit("localPassword", m.localPassword);
  visit("remoteUfrag", m.remoteUfrag);
  visit("remotePassword", m.remotePassword);
}
void fields(auto& visit, Is<Fingerprint> auto& m) {
  visit("algorithm", m.algorithm);
  visit("value", m.value);
}
void fields(auto& visit, Is<DataTransport> auto& m) {
  visit("sctpPort", m.sctpPort);
  visit("maxMessageSize", m.maxMessageSize);
}
void fields(auto& visit, Is<EndpointParameters> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("sender", m.sender);
  visit("ice", m.ice);
  visit("fingerprint", m.fingerprint);
  visit("tracks", m.tracks);
  visit("slots", m.slots);
  visit("data", m.data);
}
void fields(auto& visit, Is<SlotWish> auto& m) {
  visit("mid", m.mid);
  visit("mode", m.mode);
  visit("participant", m.participant);
  visit("source", m.source);
  visit("maxHeight", m.maxHeight);
  visit("priority", m.priority);
}

void fields(auto& visit, Is<CreateRoom> auto& m) {
  visit("room", m.room);
  visit("e2ee", m.e2ee);
  visit("audioSpeakers", m.audioSpeakers);
}
void fields(auto& visit, Is<CloseRoom> auto& m) {
  visit("room", m.room);
}
void fields(auto& visit, Is<CreateEndpoint> auto& m) {
  visit("parameters", m.parameters);
}
void fields(auto& visit, Is<UpdateEndpoint> auto& m) {
  visit("parameters", m.parameters);
}
void fields(auto& visit, Is<RemoveEndpoint> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
}
void fields(auto& visit, Is<SetSlotWishes> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("wishes", m.wishes);
}
void fields(auto& visit, Is<SetRateCap> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("bitsPerSecond", m.bitsPerSecond);
}
void fields(auto& visit, Is<SetTrackMuted> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("mid", m.mid);
  visit("muted", m.muted);
}
void fields(auto&, Is<GetStatistics> auto&) {}

void fields(auto& visit, Is<Counter> auto& m) {
  visit("name", m.name);
  visit("value", m.value);
}
void fields(auto& visit, Is<Statistics> auto& m) {
  visit("counters", m.counters);
}
void fields(auto& visit, Is<Reply> auto& m) {
  visit("reply", m.id);
  visit("error", m.error);
  visit("statistics", m.statistics);
}

void fields(auto& visit, Is<WorkerReady> auto& m) {
  visit("udpPort", m.udpPort);
  visit("fingerprint", m.fingerprint);
  visit("segmentation", m.segmentation);
  visit("coalescing", m.coalescing);
}
void fields(auto& visit, Is<EndpointStateChanged> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("state", m.state);
  visit("reason", m.reason);
}
void fields(auto& visit, Is<SlotBinding> auto& m) {
  visit("mid", m.mid);
  visit("participant", m.participant);
  visit("source", m.source);
}
void fields(auto& visit, Is<SlotsBound> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("bindings", m.bindings);
}
void fields(auto& visit, Is<SpeakersChanged::Speaker> auto& m) {
  visit("endpoint", m.endpoint);
  visit("level", m.level);
}
void fields(auto& visit, Is<SpeakersChanged> auto& m) {
  visit("room", m.room);
  visit("speakers", m.speakers);
}
void fields(auto& visit, Is<LayersChanged::Layer> auto& m) {
  visit("mid", m.mid);
  visit("width", m.width);
  visit("height", m.height);
  visit("bitsPerSecond", m.bitsPerSecond);
  visit("reason", m.reason);
}
void fields(auto& visit, Is<LayersChanged> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("layers", m.layers);
}
void fields(auto& visit, Is<DataChannelChanged> auto& m) {
  visit("room", m.room);
  visit("endpoint", m.endpoint);
  visit("open", m.open);
  visit("reason", m.reason);
}

/// The words of an enumeration, in the order of its values.
template <typename Enum>
inline constexpr std::array<std::string_view, 0> words{};
template <>
inline constexpr std::array<std::string_view, 2> words<MediaKind>{"audio", "video"};
template <>
inline constexpr std::array<std::string_view, 3> words<TrackSource>{"microphone", "camera", "screen"};
template <>
inline constexpr std::array<std::string_view, 3> words<E2eePolicy>{"required", "optional", "off"};
template <>
inline constexpr std::array<std::string_view, 3> words<SlotWish::Mode>{"none", "auto", "participant"};
template <>
inline constexpr std::array<std::string_view, 4> words<EndpointState>{"connecting", "connected", "failed",
                                                                      "closed"};

/// The words of a variant's alternatives, in its order: what stands in "request" and "event".
template <typename Variant>
inline constexpr std::array<std::string_view, 0> alternatives{};
template <>
inline constexpr std::array<std::string_view, 9> alternatives<RequestBody>{
    "create_room",     "close_room",   "create_endpoint", "update_endpoint", "remove_endpoint",
    "set_slot_wishes", "set_rate_cap", "set_track_muted", "get_statistics"};
template <>
inline constexpr std::array<std::string_view, 6> alternatives<Event>{
    "worker_ready",     "endpoint_state_changed", "slots_bound",
    "speakers_changed", "layers_changed",         "data_channel_changed"};
static_assert(std::variant_size_v<RequestBody> == alternatives<RequestBody>.size());
static_assert(std::variant_size_v<Event> == alternatives<Event>.size());

}  // namespace sotto::control::detail
