// The blob store over HTTP: resumable uploads, downloads of ranges. Whoever knows an id may read.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/Api.hpp"
#include "server/BlobService.hpp"
#include "server/ByteRange.hpp"

namespace sotto::server {

namespace {

using signaling::Result;

constexpr uint64_t smallBody = 1024;
/// The announced size of a blob bounds its uploads; this bounds nothing.
constexpr uint64_t anyBody = uint64_t{1} << 62;
constexpr size_t idDigits = 64;

std::optional<uint64_t> wholeNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || stop != text.data() + text.size() || status != std::errc()) return std::nullopt;
  return number;
}

HttpResponse noSuchBlob() {
  return errorResponse(404, "not_found", "there is no such blob");
}

/// Names of files are made of ids: nothing else gets through.
bool isBlobId(const std::string& id) {
  return id.size() == idDigits && id.find_first_not_of("0123456789abcdef") == id.npos;
}

HttpResponse progress(unsigned status, uint64_t offset) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Upload-Offset", std::to_string(offset)}, {"Cache-Control", "no-store"}};
  return response;
}

HttpResponse wrongOffset(uint64_t offset) {
  HttpResponse response = errorResponse(409, "wrong_offset", "the blob ends elsewhere: see Upload-Offset");
  response.headers.emplace_back("Upload-Offset", std::to_string(offset));
  return response;
}

void create(Api::Call call) {
  const auto body = nlohmann::json::parse(call.request.body, nullptr, false);
  const auto size = body.is_object() ? body.find("size") : body.end();
  if (!body.is_object() || size == body.end() || !size->is_number_unsigned() || *size == 0) {
    return call.respond(
        errorResponse(400, "bad_message", "\"size\" must be a whole number of bytes, 1 or more"));
  }
  call.api.blobs->create(
      call.device.user, size->get<uint64_t>(),
      [respond = std::move(call.respond)](Result<BlobService::Created> created) {
        if (!created) return respond(apiError(created.error()));
        respond(
            jsonResponse(201, nlohmann::json{{"id", created->id}, {"expires", created->expiresMs}}.dump()));
      });
}

void head(Api::Call call) {
  if (!isBlobId(call.parameters[0])) return call.respond(noSuchBlob());
  call.api.blobs->find(call.parameters[0], [respond = std::move(call.respond)](Result<BlobStore::Info> info) {
    if (!info) return respond(apiError(info.error()));
    HttpResponse response = progress(200, info->offset);
    response.headers.emplace_back("Upload-Length", std::to_string(info->size));
    response.headers.emplace_back("Upload-Expires", std::to_string(info->expiresMs));
    respond(std::move(response));
  });
}

/// The answer to a download, once the blob's size is known and its file is open.
HttpResponse download(BlobService& blobs, const std::string& range, uint64_t size,
                      std::shared_ptr<FileHandle> file) {
  const auto wanted = parseRange(range, size);
  if (!wanted) {
    HttpResponse response = errorResponse(416, "bad_range", "the blob ends before this range");
    response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return response;
  }
  HttpResponse response;
  response.contentType = "application/octet-stream";
  response.headers = {
      {"Accept-Ranges", "bytes"}, {"Cache-Control", "no-store"}, {"Content-Disposition", "attachment"}};
  if (wanted->partial) {
    response.status = 206;
    response.headers.emplace_back("Content-Range", "bytes " + std::to_string(wanted->from) + "-" +
                                                       std::to_string(wanted->to - 1) + "/" +
                                                       std::to_string(size));
  }
  response.source = blobs.source(std::move(file), {wanted->from, wanted->to});
  return response;
}

void get(Api::Call call) {
  const std::string id = call.parameters[0];
  if (!isBlobId(id)) return call.respond(noSuchBlob());
  BlobService& blobs = *call.api.blobs;
  blobs.find(id, [&blobs, id, range = call.request.range,
                  respond = std::move(call.respond)](Result<BlobStore::Info> info) {
    if (!info) return respond(apiError(info.error()));
    blobs.read(id, [&blobs, range, size = info->size, respond](Result<std::shared_ptr<FileHandle>> file) {
      if (!file) return respond(apiError(file.error()));
      respond(download(blobs, range, size, *std::move(file)));
    });
  });
}

void removeBlob(Api::Call call) {
  if (!isBlobId(call.parameters[0])) return call.respond(noSuchBlob());
  call.api.blobs->remove(call.parameters[0], call.device.user,
                         [respond = std::move(call.respond)](Result<BlobService::None> removed) {
                           respond(removed ? jsonResponse(200, "{}") : apiError(removed.error()));
                         });
}

/// One PATCH: what comes is appended as it comes, so that a broken connection keeps what got through. One
/// that goes past the blob's size is refused whole.
class Upload final : public BodySink, public std::enable_shared_from_this<Upload> {
 public:
  /// `ends`: where the body will end, when its length was said beforehand.
  Upload(BlobService& blobs, std::string id, std::string owner, uint64_t offset, std::optional<uint64_t> ends,
         Respond respond)
      : blobs_(blobs),
        id_(std::move(id)),
        owner_(std::move(owner)),
        begun_(offset),
        ends_(ends),
        offset_(offset),
        respond_(std::move(respond)) {}

  void write(std::string bytes, std::function<void(bool)> next) override {
    const uint64_t end = offset_ + bytes.size();
    blobs_.append(id_, owner_, {offset_, begun_, ends_}, std::move(bytes), false,
                  [self = shared_from_this(), end, next = std::move(next)](Result<uint64_t> offset) {
                    if (!self->went(offset, end)) return next(false);
                    self->offset_ = end;
                    next(true);
                  });
  }

  void finish() override {
    blobs_.append(id_, owner_, {offset_, begun_, ends_}, "", true,
                  [self = shared_from_this()](Result<uint64_t> offset) {
                    if (self->went(offset, self->offset_)) self->respond_(progress(204, self->offset_));
                  });
  }

 private:
  /// Answers when it did not go as planned.
  bool went(const Result<uint64_t>& offset, uint64_t expected) const {
    if (!offset) return respond_(apiError(offset.error())), false;
    if (*offset != expected) return respond_(wrongOffset(*offset)), false;
    return true;
  }

  BlobService& blobs_;
  std::string id_, owner_;
  uint64_t begun_;
  std::optional<uint64_t> ends_;
  uint64_t offset_;
  Respond respond_;
};

std::shared_ptr<BodySink> append(Api::Call call) {
  if (!isBlobId(call.parameters[0])) return call.respond(noSuchBlob()), nullptr;
  const auto offset = wholeNumber(call.request.uploadOffset);
  if (!offset) {
    call.respond(errorResponse(400, "bad_message", "the header Upload-Offset must be a whole number"));
    return nullptr;
  }
  std::optional<uint64_t> ends;
  // What no number can hold is past every blob.
  constexpr uint64_t most = std::numeric_limits<uint64_t>::max();
  if (call.request.contentLength) ends = *offset + std::min(*call.request.contentLength, most - *offset);
  return std::make_shared<Upload>(*call.api.blobs, call.parameters[0], call.device.user, *offset, ends,
                                  std::move(call.respond));
}

}  // namespace

std::span<const Api::Route> blobRoutes() {
  static constexpr std::array<Api::Route, 5> routes{{{"POST", "/blobs", smallBody, create, nullptr},
                                                     {"HEAD", "/blobs/{id}", 0, head, nullptr},
                                                     {"GET", "/blobs/{id}", 0, get, nullptr},
                                                     {"PATCH", "/blobs/{id}", anyBody, nullptr, append},
                                                     {"DELETE", "/blobs/{id}", 0, removeBlob, nullptr}}};
  return routes;
}

}  // namespace sotto::server
