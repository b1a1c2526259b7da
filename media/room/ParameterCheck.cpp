#include "media/room/ParameterCheck.hpp"

#include <set>
#include <string_view>

namespace sotto::room {

namespace {

/// RFC 8285: two-byte ids go to 255, and 0 is padding; RFC 3551 payload types have 7 bits.
constexpr uint8_t maxPayloadType = 127;

std::string checkCodecs(const std::string& where, const std::vector<control::Codec>& codecs) {
  if (codecs.empty()) return where + " has no codec";
  for (const control::Codec& codec : codecs) {
    if (codec.payloadType > maxPayloadType || codec.rtxPayloadType.value_or(0) > maxPayloadType) {
      return where + " has a payload type above 127";
    }
  }
  return {};
}

std::string checkIdentity(const control::EndpointParameters& parameters) {
  if (parameters.endpoint.empty()) return "an endpoint needs an id";
  if (parameters.sender == 0) return "the sender number must be 1..65535";
  const control::IceParameters& ice = parameters.ice;
  if (ice.localUfrag.empty() || ice.localPassword.empty()) return "the local ICE credentials are missing";
  if (ice.remoteUfrag.empty()) return "the remote ICE fragment is missing";
  if (parameters.fingerprint.algorithm.empty() || parameters.fingerprint.value.empty()) {
    return "the fingerprint is missing";
  }
  return {};
}

}  // namespace

std::string checkParameters(const control::EndpointParameters& parameters) {
  if (std::string error = checkIdentity(parameters); !error.empty()) return error;
  std::set<std::string_view> mids;
  for (const control::Track& track : parameters.tracks) {
    const std::string where = "track '" + track.mid + "'";
    if (!mids.insert(track.mid).second) return where + " has a mid that is in use";
    if (std::string error = checkCodecs(where, track.codecs); !error.empty()) return error;
  }
  std::set<uint32_t> ssrcs;
  for (const control::Slot& slot : parameters.slots) {
    const std::string where = "slot '" + slot.mid + "'";
    if (!mids.insert(slot.mid).second) return where + " has a mid that is in use";
    if (slot.ssrc == 0 || !ssrcs.insert(slot.ssrc).second) return where + " needs an SSRC of its own";
    if (slot.rtxSsrc != 0 && !ssrcs.insert(slot.rtxSsrc).second)
      return where + " needs an RTX SSRC of its own";
    if (std::string error = checkCodecs(where, slot.codecs); !error.empty()) return error;
  }
  return {};
}

}  // namespace sotto::room
