// All that a device keeps: its keys, its sessions, the identities that it has pinned. Reads no clock, does no
// I/O; a DeviceStorage keeps it. Nothing changes when an operation fails.
#pragma once

#include <map>
#include <string>

#include "client/native/e2ee/signal/DeviceName.hpp"
#include "client/native/e2ee/signal/DeviceStorage.hpp"
#include "client/native/e2ee/signal/SessionCipher.hpp"

namespace sotto::e2ee::signal {

/// What is known of an identity key.
enum class Trust : uint8_t {
  New,      ///< nothing is pinned for that device: the first use pins
  Pinned,   ///< it is the pinned one
  Changed,  ///< another one is pinned: to be shown, and blocked until the user accepts
};

class DeviceStore {
 public:
  /// A session that we began and that the other side has never answered is used for so long, as deployed: the
  /// prekeys that it hangs on are not kept for ever.
  static constexpr uint64_t unansweredSeconds = uint64_t{30} * 24 * 3600;

  /// A new device with a signed prekey and no one-time prekeys yet. `now`: Unix seconds.
  static DeviceStore create(DeviceName self, base::Random& random, uint64_t now);

  const DeviceName& self() const { return self_; }
  const KeyStore& keys() const { return keys_; }
  /// Distinguishes stores; drawn at random when this one was made.
  uint64_t id() const { return id_; }
  /// Rises with every change.
  uint64_t revision() const { return revision_; }

  /// What time it is, Unix seconds: for sessions that begin from now on. Those that have waited for an answer
  /// for too long end.
  void setTime(uint64_t unixSeconds);

  /// Makes one-time prekeys, for the directory: their private halves must be stored before they are uploaded.
  Pending<std::vector<PublicPreKey>> createOneTimePreKeys(size_t count, base::Random& random);
  Pending<PublicSignedPreKey> renewSignedPreKey(base::Random& random, uint64_t now);

  Trust trust(const DeviceName& peer, const PublicKey& identity) const;
  /// The pinned identity; null when there is none.
  const PublicKey* pinned(const DeviceName& peer) const;
  /// Accepts an identity: the user has said yes. Sessions with another one end.
  void pin(const DeviceName& peer, const PublicKey& identity);

  /// Begins a session, in place of the current one, and pins the identity on first use. UntrustedIdentity,
  /// InvalidSignature, InvalidKey.
  Result<void> begin(const DeviceName& peer, const PreKeyBundle& bundle, base::Random& random);
  /// The sessions with a device; null when there were never any.
  const SessionRecord* session(const DeviceName& peer) const;
  /// Whether there is a session to send in.
  bool hasSession(const DeviceName& peer) const;
  /// Ends the current session; messages that are on their way in it can still be opened.
  void archiveSession(const DeviceName& peer);
  void eraseSessions(const DeviceName& peer);

  /// Seals for one device. NoSession, ChainExhausted, Malformed (too long).
  Result<Pending<CiphertextMessage>> encrypt(const DeviceName& peer, base::ByteView plaintext);
  /// Opens. The state should be saved before the message is acknowledged: what is lost with a crash in
  /// between is delivered again. UntrustedIdentity and all errors of parsing and SessionCipher.
  Result<std::vector<uint8_t>> decrypt(const DeviceName& peer, CiphertextMessage::Type type,
                                       base::ByteView body, base::Random& random);

  /// A named piece of what stands above keeps with the device, under the same lock and key; empty when there
  /// is none. Setting an empty one removes it.
  base::ByteView section(const std::string& name) const;
  void setSection(const std::string& name, base::ByteView bytes);

  /// Secret; a format of our own with a version in front.
  client::e2ee::SecretBytes serialize() const;
  static Result<DeviceStore> deserialize(base::ByteView bytes);

 private:
  using Section = std::vector<uint8_t, WipingAllocator<uint8_t>>;

  DeviceStore(DeviceName self, KeyStore keys, uint64_t id)
      : self_(std::move(self)), keys_(std::move(keys)), id_(id) {}
  Result<std::vector<uint8_t>> decryptFirst(const DeviceName& peer, base::ByteView body,
                                            base::Random& random);
  template <typename T>
  Pending<T> pending(T value) {
    return Pending<T>(std::move(value), id_, ++revision_);
  }
  void writeTo(StateWriter& out) const;
  Result<void> readSessions(StateReader& in);

  DeviceName self_;
  KeyStore keys_;
  uint64_t id_;
  uint64_t revision_ = 0;
  uint64_t now_ = 0;  ///< as last told; 0: never
  std::map<DeviceName, PublicKey> pinned_;
  std::map<DeviceName, SessionRecord> sessions_;
  std::map<std::string, Section> sections_;
};

}  // namespace sotto::e2ee::signal
