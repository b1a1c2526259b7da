// Between rooms and the media plane: places rooms, turns offers into endpoints and answers, passes wishes on,
// and tells clients what the media plane reports. Replies leave only once the worker has confirmed.
#pragma once

#include <exception>
#include <functional>
#include <string>

#include "signaling/DeadlineQueue.hpp"
#include "signaling/Directory.hpp"

namespace sotto::signaling {

class MediaControl {
 public:
  using Notify = std::function<void(const ParticipantPtr&)>;
  /// `onIdle` is called when a participant's request has been answered and its next one may be carried out,
  /// `onFault` when the answer to its request has brought out an error in this program.
  MediaControl(Directory& directory, Notify onIdle, Notify onFault);

  /// Asks for the room to be placed unless it is, or is being placed.
  void place(const RoomPtr& room);
  void close(const RoomPtr& room);
  /// The participant has left (its `room` is still set): its endpoint goes.
  void remove(const ParticipantPtr& participant);
  /// Its socket is gone: what waits for an answer is dropped, media goes on.
  void detach(const ParticipantPtr& participant);
  /// It has come back: tells it what it has missed.
  void reattach(const ParticipantPtr& participant);

  /// Requests of a participant that is not busy. Each answers sooner or later on the connection it came from.
  void offer(const ParticipantPtr& participant, uint64_t id, OfferRequest request);
  void subscribe(const ParticipantPtr& participant, uint64_t id, SubscribeRequest request);
  void mute(const ParticipantPtr& participant, uint64_t id, const MuteRequest& request);
  void rateCap(const ParticipantPtr& participant, uint64_t id, const RateCapRequest& request);

  void onEvent(const control::Event& event);
  void onRoomLost(const std::string& name, const std::string& reason);

  void onTime();
  base::Timestamp nextDeadline() const;

 private:
  struct OfferInProgress;

  void onPlaced(const RoomPtr& room, uint64_t attempt, const control::Reply& reply);
  /// Negotiates the participant's pending offer and asks the worker for its endpoint.
  void takeUpOffer(const ParticipantPtr& participant);
  void setUp(const ParticipantPtr& participant, OfferInProgress offer);
  void onConfirmed(const ParticipantPtr& participant, OfferInProgress& offer, const control::Reply& reply);
  void adopt(Participant& participant, OfferInProgress& offer);
  void restoreWishes(Participant& participant);
  /// All that is known of the participant's slots.
  void sendReports(const Participant& participant) const;
  void failOffer(const ParticipantPtr& participant, const Participant::PendingOffer& offer,
                 const RequestError& error);

  void onSlots(const ParticipantPtr& participant, const control::SlotsBound& event);
  void onSpeakers(const control::SpeakersChanged& event);
  void onLayers(const ParticipantPtr& participant, const control::LayersChanged& event);
  void onDataChannel(const ParticipantPtr& participant, const control::DataChannelChanged& event);
  /// Tells everybody else when it has changed.
  static void setData(Participant& participant, bool open);
  void onState(const ParticipantPtr& participant, const control::EndpointStateChanged& event);
  ParticipantPtr find(const std::string& room, const std::string& participant) const;
  /// The endpoint is gone: what was agreed is forgotten and the client told, now or when it comes back.
  void restart(Participant& participant, const std::string& reason);

  /// Sends a request whose outcome is the reply to the client's request `id`.
  void requestFor(const ParticipantPtr& participant, uint64_t id, control::RequestBody body);
  void ask(const std::string& room, control::RequestBody body, MediaPlane::Done done);
  /// The same for a request whose answer concerns one participant; `done` is not called once that is gone.
  using DoneFor = std::function<void(const ParticipantPtr&, const control::Reply&)>;
  void askFor(const ParticipantPtr& participant, control::RequestBody body, DoneFor done);
  /// Runs what concerns one participant: an error in this program ends its session alone.
  template <typename Work>
  void guarded(const ParticipantPtr& participant, Work&& work) {
    try {
      work();
    } catch (const std::exception&) {
      onFault_(participant);
    }
  }
  /// Answers a request, unless its socket is gone.
  void answer(const Participant& participant, uint64_t connectionId, const std::string& text) const;
  void refuse(const Participant& participant, uint64_t connectionId, uint64_t id, const RequestError& error);
  void finish(const ParticipantPtr& participant);

  Directory& directory_;
  Notify onIdle_, onFault_;
  DeadlineQueue<std::weak_ptr<Room>> placements_;         ///< to be tried again
  DeadlineQueue<std::weak_ptr<Participant>> offerWaits_;  ///< offers that wait for a room
};

}  // namespace sotto::signaling
