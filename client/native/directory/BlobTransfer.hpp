// Sealed files to and from the blob store (docs/directory.md). Both directions go on where they broke off.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/native/directory/HttpClient.hpp"
#include "media/base/Bytes.hpp"

namespace sotto::client::directory {

/// Why a blob cannot be had.
struct DownloadError {
  bool permanent = false;  ///< asking again later is of no use
  std::string message;
};

class BlobTransfer {
 public:
  /// One request carries this much: a request that breaks off costs no more.
  static constexpr size_t pieceSize = 1 << 20;
  /// Requests in a row that may fail without a byte getting through.
  static constexpr unsigned maxFailures = 5;
  /// Waits so long before it tries again; tests hand in something quicker.
  using Pause = std::function<void(unsigned failures)>;

  /// `http` must outlive this and carry a token.
  explicit BlobTransfer(const HttpClient& http);
  BlobTransfer(const HttpClient& http, Pause pause) : http_(http), pause_(std::move(pause)) {}

  /// Uploads; returns the blob's id.
  base::Expected<std::string> upload(base::ByteView sealed) const;
  /// Downloads `size` bytes, neither more nor less.
  tl::expected<std::vector<uint8_t>, DownloadError> download(const std::string& id, uint64_t size) const;
  base::Expected<void> remove(const std::string& id) const;

 private:
  base::Expected<uint64_t> settledOffset(const std::string& id) const;

  const HttpClient& http_;
  Pause pause_;
};

/// The sentence in an error answer, or its status line.
std::string reasonOf(const HttpAnswer& answer);
/// The code in an error answer; empty when there is none.
std::string codeOf(const HttpAnswer& answer);

}  // namespace sotto::client::directory
