// One video slot of one recipient: which source is to play there, which one does, and what of it goes out.
// A change of source follows the rule of a change of layer: the old one plays until the new one's key frame.
#pragma once

#include <cstdint>

#include "media/base/Units.hpp"
#include "media/forward/LayerSelector.hpp"
#include "media/forward/SlotSender.hpp"
#include "media/forward/Source.hpp"

namespace sotto::forward {

class Subscription {
 public:
  /// A new source that has sent no key frame for so long takes the slot all the same, with nothing to show.
  static constexpr base::TimeDelta maxHandover = base::TimeDelta::seconds(1);

  Subscription(const control::Slot& slot, size_t maxPacketSize, base::Random& random)
      : sender_(slot, maxPacketSize, random) {}

  /// What is to play; nullptr: nothing, at once. Sources must outlive the subscription or be taken back with
  /// onSourceGone().
  void bind(const Source* source, base::Timestamp now);
  void onSourceGone(const Source* source);
  const Source* bound() const { return bound_; }
  /// What plays: what the client is to be told.
  const Source* playing() const { return playing_; }
  /// The layer of it that is sent, or noLayer, and up to which temporal layer.
  LayerIndex playingLayer() const { return selector_.current(); }
  uint8_t playingTemporal() const { return selector_.currentTemporal(); }
  bool watches(const Source* source) const { return source == bound_ || source == playing_; }

  /// Frames were not offered for a while: nothing goes out before a key frame.
  void restart();
  void setTarget(const LayerSelector::Target& target, base::Timestamp now);
  /// The selector of the bound source.
  const LayerSelector& selector() const { return handingOver() ? next_ : selector_; }

  /// A frame of the bound or the playing source, of participant `publisher`.
  LayerSelector::Decision onFrame(const ArrivedFrame& arrived, const Source& source, uint32_t publisher,
                                  base::Timestamp now, stream::PacketSink& sink);
  /// True when a handover was cut short.
  bool onTime(base::Timestamp now);
  /// What is sent, or is to be sent, is this stream of the publisher.
  bool uses(uint32_t ssrc) const;
  /// The stream of the bound source whose key frame is waited for, or 0.
  uint32_t awaitedStream() const { return bound_ == nullptr ? 0 : selector().awaitedStream(*bound_); }

  SlotSender& sender() { return sender_; }
  const SlotSender& sender() const { return sender_; }

 private:
  LayerSelector::Decision catchUp(const ArrivedFrame& arrived, const Source& source, uint32_t publisher,
                                  base::Timestamp now, stream::PacketSink& sink);
  void send(const ArrivedFrame& arrived, const LayerSelector::Decision& decision, uint32_t publisher,
            base::Timestamp now, stream::PacketSink& sink);
  bool handingOver() const { return bound_ != playing_; }
  void finishHandover();

  SlotSender sender_;
  const Source* bound_ = nullptr;
  const Source* playing_ = nullptr;
  LayerSelector selector_;  ///< of what plays
  LayerSelector next_;      ///< of what is bound, while another source still plays
  base::Timestamp boundAt_ = base::Timestamp::minusInfinity();
};

}  // namespace sotto::forward
