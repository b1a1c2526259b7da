// A participant in a call, without I/O: the protocol of docs/signaling.md over a text socket, the media
// connection, the keys, and what it takes to come back when either is lost. Driven with messages, datagrams
// and the time; a call with real sockets is Call.hpp, simulations drive it themselves.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/native/call/AutomaticKeys.hpp"
#include "client/native/call/CallTypes.hpp"
#include "client/native/call/LocalTracks.hpp"
#include "client/native/call/RemoteStreams.hpp"
#include "client/native/call/SignalingMessages.hpp"
#include "client/native/rtc/PeerConnection.hpp"
#include "media/base/DatagramBatch.hpp"
#include "media/base/Random.hpp"
#include "media/base/SocketAddress.hpp"

namespace sotto::client::call {

/// The WebSocket to the server as the session needs it. None of these may call back into the session.
class SignalingSocket {
 public:
  virtual ~SignalingSocket() = default;
  /// Opens a fresh connection; onSocketOpen or onSocketClosed follows.
  virtual void open() = 0;
  virtual void send(std::string text) = 0;
  /// Closes after what was sent. onSocketClosed may follow or not.
  virtual void close() = 0;
  /// Something has come by another way than the calls into the session: nextDeadline() is to be looked at.
  virtual void wake() {}
};

class CallSession final {
 public:
  /// References must outlive the session. Outgoing datagrams are appended to `out` within the calls below.
  CallSession(CallOptions options, SignalingSocket& socket, base::DatagramBatch& out, base::Random& random,
              CallObserver& observer);
  ~CallSession();
  CallSession(const CallSession&) = delete;
  CallSession& operator=(const CallSession&) = delete;

  void start(base::Timestamp now);
  void leave(base::Timestamp now);

  // ---- what comes from outside
  void onSocketOpen(base::Timestamp now);
  void onSocketMessage(std::string_view text, base::Timestamp now);
  /// Also when it could not be opened. `reason` is for a person.
  /// `closeCode`: the server's (RFC 6455 section 7.4), 0 when it has said none.
  void onSocketClosed(const std::string& reason, base::Timestamp now, uint16_t closeCode = 0);
  void onDatagram(base::MutableByteView datagram, const base::SocketAddress& from, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  // ---- what the application wants
  SendResult sendFrame(const OutgoingFrame& frame, base::Timestamp now);
  /// Sends a data message to one participant, by its sender number, or `toEveryone`. The payload goes as it
  /// is: seal it first.
  DataSendResult sendData(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload,
                          base::Timestamp now);
  void setWants(std::vector<Want> wants, bool wantEveryone);
  void setMuted(TrackSource source, bool muted);
  void setRateCap(std::optional<uint64_t> bitsPerSecond);
  void setScreen(std::optional<VideoTrack> screen);
  /// New ICE credentials on the connection as it stands.
  void restartIce();
  /// Our own address may have changed: lets the server know at once.
  void networkChanged(base::Timestamp now);

  /// sendData, sealed with our media key.
  DataSendResult sendSealed(uint16_t destination, bool lossy, base::ByteView plain, base::Timestamp now);
  void invite(const std::vector<std::string>& users);

  // ---- keys that devices agree on (CallOptions::device); without them these do and say nothing
  void acceptIdentity(const DeviceName& device, base::Timestamp now);
  /// Null with external keys and without encryption.
  AutomaticKeys* automaticKeys() { return automatic_; }
  const AutomaticKeys* automaticKeys() const { return automatic_; }

  CallState state() const { return state_; }
  const std::string& stateReason() const { return reason_; }
  /// Our own participant id; empty before the first join.
  const std::string& selfId() const { return selfId_; }
  const std::vector<Participant>& roster() const { return remotes_.roster(); }
  CallStatistics statistics() const;

 private:
  enum class Asked : uint8_t {
    Join,
    Offer,
    Subscribe,
    Mute,
    RateCap,
    Leave,
    Attach,
    Send,
    Acknowledge,
    Invite
  };

  std::unique_ptr<e2ee::KeyProvider> makeKeys();
  void dropKeys();
  /// Settles on a suite that the room takes; false when there is none, and then the call has failed.
  bool settleSuite(const std::vector<std::string>& ofRoom);

  // ---- signaling
  uint64_t ask(Asked what);
  void onReply(const ReplyMessage& reply, base::Timestamp now);
  void onReplaced();
  void onRefused(Asked what, const ErrorInfo& error, base::Timestamp now);
  void onJoined(const JoinReply& reply, base::Timestamp now);
  void onAnswer(const std::string& sdp, base::Timestamp now);
  void onEvent(const ServerMessage& message, base::Timestamp now);
  void sendJoin();
  void sendOffer();
  void offerAgain();
  void updateWishes(bool evenIfUnchanged);
  void rosterChanged();
  /// Events about keys and messages; false for others.
  bool onKeyEvent(const ServerMessage& message, base::Timestamp now);
  void onSent(const ReplyMessage& reply, base::Timestamp now);
  /// False when there is no key for it (yet).
  bool openData(const RemoteData& message);
  /// A message may overtake the key that opens it: tries those that wait again.
  void openWaitingData();
  void failSends();

  // ---- coming and going
  bool over() const { return state_ == CallState::Left || state_ == CallState::Failed; }
  void setState(CallState state, const std::string& reason);
  void fail(const std::string& reason);
  void end(CallState state, const std::string& reason);
  void lost(const std::string& reason, base::Timestamp now);
  void scheduleMedia(base::Timestamp when) { mediaDue_ = when; }
  void startMedia();
  /// Adds what the present media connection has counted so far.
  void addConnection(CallStatistics& statistics) const;
  void settle(base::Timestamp now);
  void refreshState();
  void setDataOpen(bool open);
  void onData(const rtc::ReceivedData& data);
  void takeDirectData(base::Timestamp now);

  CallOptions options_;
  SignalingSocket& socket_;
  base::DatagramBatch& out_;
  base::Random& random_;
  CallObserver& observer_;

  CallState state_ = CallState::Idle;
  std::string reason_;
  bool socketOpen_ = false;
  bool joined_ = false;  ///< on the present socket
  bool everJoined_ = false;
  bool leaving_ = false;
  std::string sessionId_, sessionSecret_, selfId_;
  uint32_t audioSlotLimit_ = 0, videoSlotLimit_ = 0;
  std::optional<uint64_t> rateCap_;

  uint64_t lastRequest_ = 0;
  std::map<uint64_t, Asked> asked_;  ///< requests that wait for their reply
  uint64_t offerRequest_ = 0;        ///< the offer in flight, 0: none
  bool offerWanted_ = false;         ///< again, once the one in flight is answered

  class Keys;
  std::unique_ptr<Keys> keyLink_;
  AutomaticKeys* automatic_ = nullptr;  ///< keys_, when they are automatic
  std::unique_ptr<e2ee::KeyProvider> keys_;
  std::optional<frame::Suite> suite_;  ///< chosen among the room's
  std::optional<e2ee::PublishedKeyInfo> publishedKeys_;
  uint16_t selfSender_ = 0;
  struct WaitingData {
    std::string participant;
    uint16_t origin = 0;
    bool lossy = false;
    std::vector<uint8_t> payload;
  };
  std::deque<WaitingData> waitingData_;
  /// Key messages from the data channel, taken once the call into media_ is over.
  struct DirectData {
    uint16_t origin = 0;
    std::vector<uint8_t> payload;
  };
  std::vector<DirectData> directData_;
  bool channelLost_ = false;                                          ///< the keys are to be told
  std::map<uint64_t, std::function<void(e2ee::SendOutcome)>> sends_;  ///< by request
  LocalTracks locals_;
  RemoteStreams remotes_;
  class MediaEvents;
  std::unique_ptr<MediaEvents> mediaEvents_;
  struct Certificate;
  std::unique_ptr<Certificate> certificate_;
  std::unique_ptr<rtc::PeerConnection> media_;
  bool mediaAnswered_ = false;
  bool dataOpen_ = false;                    ///< as the application was told
  std::optional<std::string> mediaFailure_;  ///< set from within a call of media_, dealt with after it
  std::vector<std::string> videoMids_;
  std::vector<control::SlotWish> wishes_;

  base::Timestamp mediaDue_ = base::Timestamp::plusInfinity();   ///< begin a new media connection
  base::Timestamp socketDue_ = base::Timestamp::plusInfinity();  ///< open the socket again
  base::Timestamp giveUpDue_ = base::Timestamp::plusInfinity();
  base::Timestamp leaveDue_ = base::Timestamp::plusInfinity();
  base::TimeDelta socketBackoff_, mediaBackoff_;
  CallStatistics totals_;
};

}  // namespace sotto::client::call
