#include "media/room/Counters.hpp"

namespace sotto::room {

namespace {
/// In the order of Count.
constexpr const char* names[] = {
    "packets_received_total",
    "bytes_received_total",
    "packets_sent_total",
    "bytes_sent_total",
    "rtp_packets_received_total",
    "frames_received_total",
    "frames_forwarded_total",
    "frames_dropped_total{reason=\"no_trailer\"}",
    "frames_dropped_total{reason=\"bad_trailer\"}",
    "frames_dropped_total{reason=\"foreign_sender\"}",
    "frames_dropped_total{reason=\"muted\"}",
    "frames_dropped_total{reason=\"paused\"}",
    "frames_dropped_total{reason=\"layer\"}",
    "frames_dropped_total{reason=\"awaiting_key_frame\"}",
    "frames_dropped_total{reason=\"temporal_layer\"}",
    "frames_dropped_total{reason=\"not_speaking\"}",
    "frames_dropped_total{reason=\"no_codec\"}",
    "frames_dropped_total{reason=\"too_many_layers\"}",
    "datagrams_rejected_total{reason=\"unknown_source\"}",
    "datagrams_rejected_total{reason=\"malformed\"}",
    "datagrams_rejected_total{reason=\"stun_malformed\"}",
    "datagrams_rejected_total{reason=\"stun_credentials\"}",
    "datagrams_rejected_total{reason=\"stun_role_conflict\"}",
    "datagrams_rejected_total{reason=\"stun_unknown_attribute\"}",
    "datagrams_rejected_total{reason=\"too_large\"}",
    "datagrams_rejected_total{reason=\"dtls_malformed\"}",
    "datagrams_rejected_total{reason=\"before_keys\"}",
    "datagrams_rejected_total{reason=\"srtp_authentication\"}",
    "datagrams_rejected_total{reason=\"srtp_replayed\"}",
    "datagrams_rejected_total{reason=\"srtp_malformed\"}",
    "datagrams_rejected_total{reason=\"unbound_stream\"}",
    "datagrams_rejected_total{reason=\"rtcp_malformed\"}",
    "datagrams_dropped_total{reason=\"send_arena_full\"}",
    "key_frame_requests_total",
    "key_frame_requests_received_total",
    "nacks_sent_total",
    "nacks_received_total",
    "retransmissions_total",
    "recovered_packets_total",
    "transport_feedback_sent_total",
    "layer_switches_total",
    "undecodable_frames_total",
    "dtls_handshakes_total{result=\"completed\"}",
    "dtls_handshakes_total{result=\"failed\"}",
    "consents_lost_total",
    "data_messages_received_total",
    "data_bytes_received_total",
    "data_messages_forwarded_total",
    "data_bytes_forwarded_total",
    "data_messages_dropped_total{reason=\"no_channel\"}",
    "data_messages_dropped_total{reason=\"full\"}",
    "data_messages_refused_total{reason=\"malformed\"}",
    "data_messages_refused_total{reason=\"too_large\"}",
    "data_messages_refused_total{reason=\"unknown_destination\"}",
    "data_senders_paused_total",
    "data_channels_reset_total",
    "data_associations_lost_total",
};
static_assert(std::size(names) == static_cast<size_t>(Count::Size));
}  // namespace

void Counters::appendTo(std::vector<control::Counter>& out) const {
  for (size_t i = 0; i < values_.size(); ++i) out.push_back({names[i], values_[i]});
}

}  // namespace sotto::room
