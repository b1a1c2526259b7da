// What keeps a ciphertext from getting out before the state behind it is safe: a storage gives receipts, and
// a result that hangs on the state is released only against one.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::e2ee::signal {

class DeviceStore;

/// Says that a store's state up to a revision has been written. Only a DeviceStorage makes one.
class StoreReceipt {
 public:
  uint64_t storeId() const { return storeId_; }
  uint64_t revision() const { return revision_; }

 private:
  friend class DeviceStorage;
  StoreReceipt(uint64_t storeId, uint64_t revision) : storeId_(storeId), revision_(revision) {}
  uint64_t storeId_;
  uint64_t revision_;
};

/// Where a DeviceStore is kept.
class DeviceStorage {
 public:
  virtual ~DeviceStorage() = default;
  /// Writes the whole state. With the receipt everything that is pending by now can be released: seal for all
  /// recipients first, save once, then send.
  base::Expected<StoreReceipt> save(const DeviceStore& store);

 protected:
  /// Keeps `state` in place of what was kept before; returns only when it would survive a crash. `state` is
  /// secret.
  virtual base::Expected<void> write(base::ByteView state) = 0;
};

/// A result that must not leave the device before the state is stored.
template <typename T>
class [[nodiscard]] Pending {
 public:
  Pending(T value, uint64_t storeId, uint64_t revision)
      : value_(std::move(value)), storeId_(storeId), revision_(revision) {}
  /// The result; nothing when the receipt is another store's, or from before this result.
  std::optional<T> release(const StoreReceipt& receipt) && {
    if (receipt.storeId() != storeId_ || receipt.revision() < revision_) return std::nullopt;
    return std::move(value_);
  }

 private:
  T value_;
  uint64_t storeId_;
  uint64_t revision_;
};

}  // namespace sotto::e2ee::signal
