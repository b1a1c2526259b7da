// Resumable transfers; see the header.
#include "client/native/directory/BlobTransfer.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "client/native/call/DirectoryMessages.hpp"

namespace sotto::client::directory {
namespace {

using nlohmann::json;

std::optional<uint64_t> parseNumber(const std::string& text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string pathOf(const std::string& id) {
  return "/api/v1/blobs/" + call::pathSegment(id);
}

/// Whether asking again may help: the server is busy, or has lost its storage for a moment.
bool passes(const HttpAnswer& answer) {
  return answer.status == 429 || answer.status == 503;
}

void pauseInRealTime(unsigned failures) {
  std::this_thread::sleep_for(std::chrono::milliseconds(250) * failures);
}

const json* errorIn(const json& body) {
  if (!body.is_object() || !body.contains("error")) return nullptr;
  return &body["error"];
}

}  // namespace

std::string reasonOf(const HttpAnswer& answer) {
  const json body = json::parse(answer.body, nullptr, false);
  if (const json* error = errorIn(body)) {
    if (error->is_string()) return error->get<std::string>();
    if (error->is_object() && error->contains("message") && (*error)["message"].is_string()) {
      return (*error)["message"].get<std::string>();
    }
  }
  return std::to_string(answer.status) + " " + answer.reason;
}

std::string codeOf(const HttpAnswer& answer) {
  const json body = json::parse(answer.body, nullptr, false);
  const json* error = errorIn(body);
  if (error == nullptr || !error->is_object() || !error->contains("code")) return {};
  return (*error)["code"].is_string() ? (*error)["code"].get<std::string>() : std::string();
}

BlobTransfer::BlobTransfer(const HttpClient& http) : BlobTransfer(http, pauseInRealTime) {}

base::Expected<uint64_t> BlobTransfer::settledOffset(const std::string& id) const {
  const auto answer = http_.perform({HttpMethod::Head, pathOf(id), {}, ""});
  if (!answer) return tl::make_unexpected(answer.error());
  const auto offset = parseNumber(answer->header("upload-offset"));
  if (!answer->good() || !offset) return base::fail("the blob store has lost an upload: " + answer->reason);
  return *offset;
}

base::Expected<std::string> BlobTransfer::upload(base::ByteView sealed) const {
  const auto created = http_.perform({HttpMethod::Post,
                                      "/api/v1/blobs",
                                      {{"content-type", "application/json"}},
                                      json{{"size", sealed.size()}}.dump()});
  if (!created) return tl::make_unexpected(created.error());
  const json body = json::parse(created->body, nullptr, false);
  if (!created->good() || !body.is_object() || !body.contains("id") || !body["id"].is_string()) {
    return base::fail("the blob store refuses " + std::to_string(sealed.size()) +
                      " bytes: " + reasonOf(*created));
  }
  const std::string id = body["id"];
  uint64_t offset = 0;
  unsigned failures = 0;
  while (offset < sealed.size()) {
    const base::ByteView piece = sealed.subspan(offset, std::min<size_t>(pieceSize, sealed.size() - offset));
    const auto answer = http_.perform(
        {HttpMethod::Patch,
         pathOf(id),
         {{"upload-offset", std::to_string(offset)}, {"content-type", "application/octet-stream"}},
         std::string(piece.begin(), piece.end())});
    const auto reached = answer ? parseNumber(answer->header("upload-offset")) : std::nullopt;
    if (answer && answer->good() && reached && *reached > offset && *reached <= sealed.size()) {
      offset = *reached;
      failures = 0;
      continue;
    }
    const bool moved = answer && answer->status == 409 && reached && *reached <= sealed.size();
    if (answer && !moved && !passes(*answer)) {
      return base::fail("the blob store refuses the upload: " + reasonOf(*answer));
    }
    if (++failures > maxFailures) {
      return base::fail(answer ? "the upload does not get on: " + reasonOf(*answer) : answer.error().message);
    }
    pause_(failures);
    // What got through before the request broke off counts.
    const auto settled = settledOffset(id);
    if (!settled) continue;
    if (*settled > offset) failures = 0;
    offset = std::min<uint64_t>(*settled, sealed.size());
  }
  return id;
}

tl::expected<std::vector<uint8_t>, DownloadError> BlobTransfer::download(const std::string& id,
                                                                         uint64_t size) const {
  const auto never = [](std::string message) {
    return tl::make_unexpected(DownloadError{true, std::move(message)});
  };
  if (size > largestHttpBody) return never("a file of " + std::to_string(size) + " bytes is too large");
  std::vector<uint8_t> bytes;
  for (unsigned failures = 0; bytes.size() < size;) {
    const uint64_t last = std::min<uint64_t>(bytes.size() + pieceSize, size) - 1;
    const std::string range = "bytes=" + std::to_string(bytes.size()) + "-" + std::to_string(last);
    const auto answer = http_.perform({HttpMethod::Get, pathOf(id), {{"range", range}}, ""});
    if (answer && answer->good()) {
      // A server that does not know ranges sends all of it.
      if (answer->status != 206) bytes.clear();
      bytes.insert(bytes.end(), answer->body.begin(), answer->body.end());
      if (bytes.size() > size) return never("the file is longer than its message says");
      if (answer->status != 206 && bytes.size() < size)
        return never("the file is shorter than its message says");
      if (!answer->body.empty()) {
        failures = 0;
        continue;
      }
    }
    if (answer && answer->status == 404) return never("the file is not in the blob store any more");
    if (answer && answer->status == 416) return never("the file is shorter than its message says");
    if (answer && !answer->good() && !passes(*answer)) {
      return tl::make_unexpected(
          DownloadError{false, "the blob store refuses the file: " + reasonOf(*answer)});
    }
    if (++failures > maxFailures) {
      return tl::make_unexpected(
          DownloadError{false, answer ? "the download does not get on" : answer.error().message});
    }
    pause_(failures);
  }
  return bytes;
}

base::Expected<void> BlobTransfer::remove(const std::string& id) const {
  const auto answer = http_.perform({HttpMethod::Delete, pathOf(id), {}, ""});
  if (!answer) return tl::make_unexpected(answer.error());
  if (!answer->good()) return base::fail("the blob store does not remove the file: " + reasonOf(*answer));
  return {};
}

}  // namespace sotto::client::directory
