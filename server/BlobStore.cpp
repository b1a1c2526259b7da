#include "server/BlobStore.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <vector>

#include "signaling/Identifiers.hpp"

namespace sotto::server {

using signaling::ErrorCode;
using signaling::refuse;
using signaling::Result;

namespace {

constexpr size_t idBytes = 32;
constexpr std::string_view dataSuffix = ".blob";
constexpr std::string_view infoSuffix = ".info";
constexpr std::string_view temporarySuffix = ".new";
/// An info file begins with the settled offset in this many digits, so that it can be rewritten in place.
constexpr size_t offsetDigits = 20;
/// An upload that is cut off by a crash loses at most this much of what was sent.
constexpr uint64_t settleEvery = 1 << 20;

bool isId(std::string_view text) {
  return text.size() == 2 * idBytes && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool writeAll(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return true;
}

tl::unexpected<signaling::RequestError> notFound() {
  return refuse(ErrorCode::NotFound, "there is no such blob");
}

tl::unexpected<signaling::RequestError> failed() {
  return refuse(ErrorCode::StorageFailed, "the server could not write the blob; try again");
}

std::string offsetText(uint64_t offset) {
  return fmt::format("{:0{}}", offset, offsetDigits);
}

std::optional<BlobStore::Info> parseInfo(const std::string& text) {
  if (text.size() <= offsetDigits || text.find_first_not_of("0123456789") < offsetDigits) return std::nullopt;
  const auto object = nlohmann::json::parse(text.begin() + offsetDigits, text.end(), nullptr, false);
  try {
    BlobStore::Info info;
    info.owner = object.at("owner").get<std::string>();
    info.size = object.at("size").get<uint64_t>();
    info.expiresMs = object.at("expires").get<int64_t>();
    info.offset = std::stoull(text.substr(0, offsetDigits));
    if (info.offset > info.size) return std::nullopt;
    return info;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

BlobStore::BlobStore(std::string folder, const BlobLimits& limits, base::Random& random)
    : folder_(std::move(folder)), limits_(limits), random_(random) {}

base::Expected<std::unique_ptr<BlobStore>> BlobStore::open(const std::string& folder,
                                                           const BlobLimits& limits, base::Random& random) {
  std::unique_ptr<BlobStore> store(new BlobStore(folder, limits, random));
  if (const auto loaded = store->load(); !loaded) return tl::make_unexpected(loaded.error());
  return store;
}

base::Expected<void> BlobStore::load() {
  const auto unusable = [this] {
    return base::fail(fmt::format("{} cannot be used ({})", folder_, std::strerror(errno)));
  };
  if (::mkdir(folder_.c_str(), S_IRWXU) != 0 && errno != EEXIST) return unusable();
  folderHandle_ = FileHandle(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folderHandle_) return unusable();
  std::error_code error;
  std::vector<std::string> ids;
  std::vector<std::filesystem::path> others;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    const std::string stem = name.substr(0, name.find('.'));
    if (!isId(stem)) continue;  // not ours
    if (name.ends_with(infoSuffix)) {
      ids.push_back(stem);
    } else {
      others.push_back(entry.path());
    }
  }
  if (error) return base::fail(fmt::format("{} cannot be read ({})", folder_, error.message()));
  for (const std::string& id : ids) takeUp(id);
  // Left over from a creation or a deletion that was cut short.
  for (const auto& file : others) {
    const std::string name = file.filename().string();
    const bool known = name.ends_with(dataSuffix) && blobs_.contains(name.substr(0, name.find('.')));
    if (!known) std::filesystem::remove(file, error);
  }
  return {};
}

void BlobStore::takeUp(const std::string& id) {
  std::ifstream file(path(id, infoSuffix), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  auto info = parseInfo(text.str());
  const FileHandle data(::open(path(id, dataSuffix).c_str(), O_WRONLY | O_CLOEXEC));
  struct stat status {};
  const bool sound = info && data && ::fstat(data.get(), &status) == 0 &&
                     static_cast<uint64_t>(status.st_size) >= info->offset &&
                     ::ftruncate(data.get(), static_cast<off_t>(info->offset)) == 0;
  if (!sound) {
    ::unlink(path(id, infoSuffix).c_str());
    return;
  }
  count(*info, true);
  const uint64_t settled = info->offset;
  blobs_.emplace(id, Blob{*std::move(info), settled});
}

std::string BlobStore::path(std::string_view id, std::string_view suffix) const {
  return fmt::format("{}/{}{}", folder_, id, suffix);
}

/// Whole or not at all: under another name first, then moved into place.
bool BlobStore::writeInfo(const std::string& id, const Info& info) const {
  const std::string text =
      offsetText(info.offset) +
      nlohmann::json{{"owner", info.owner}, {"size", info.size}, {"expires", info.expiresMs}}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string temporary = path(id, temporarySuffix);
  const FileHandle file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  return file && writeAll(file.get(), text, 0) && ::fsync(file.get()) == 0 &&
         ::rename(temporary.c_str(), path(id, infoSuffix).c_str()) == 0 && ::fsync(folderHandle_.get()) == 0;
}

void BlobStore::count(const Info& info, bool added) {
  Usage& user = users_[info.owner];
  for (Usage* usage : {&user, &total_}) {
    usage->bytes = added ? usage->bytes + info.size : usage->bytes - info.size;
    usage->blobs = added ? usage->blobs + 1 : usage->blobs - 1;
  }
  if (user.blobs == 0) users_.erase(info.owner);
}

BlobStore::Usage BlobStore::usage(const std::string& owner) const {
  const auto found = users_.find(owner);
  return found == users_.end() ? Usage{} : found->second;
}

Result<std::string> BlobStore::create(const std::string& owner, uint64_t size, int64_t nowMs) {
  if (size > limits_.maxBytes) {
    return refuse(ErrorCode::TooLarge, fmt::format("a blob may have {} bytes", limits_.maxBytes));
  }
  const Usage used = usage(owner);
  if (used.bytes + size > limits_.userBytes || used.blobs >= limits_.userBlobs) {
    return refuse(ErrorCode::QuotaExceeded,
                  fmt::format("a user may keep {} bytes in {} blobs; {} bytes in {} are kept",
                              limits_.userBytes, limits_.userBlobs, used.bytes, used.blobs));
  }
  if (total_.bytes + size > limits_.totalBytes) {
    return refuse(ErrorCode::QuotaExceeded, "the server has no room for more blobs at the moment");
  }
  const std::string id = signaling::randomHex(random_, idBytes);
  Info info{owner, size, 0, nowMs + limits_.keepMs};
  const FileHandle data(
      ::open(path(id, dataSuffix).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!data || !writeInfo(id, info)) {
    for (const auto suffix : {dataSuffix, temporarySuffix, infoSuffix}) ::unlink(path(id, suffix).c_str());
    return failed();
  }
  count(info, true);
  blobs_.emplace(id, Blob{std::move(info), 0});
  return id;
}

Result<BlobStore::Info> BlobStore::find(const std::string& id, int64_t nowMs) const {
  const auto found = blobs_.find(id);
  if (found == blobs_.end() || found->second.info.expiresMs <= nowMs) return notFound();
  return found->second.info;
}

Result<uint64_t> BlobStore::append(const std::string& id, const std::string& owner, const Place& place,
                                   std::string_view bytes, int64_t nowMs) {
  const auto found = blobs_.find(id);
  if (found == blobs_.end() || found->second.info.expiresMs <= nowMs) return notFound();
  Blob& blob = found->second;
  if (blob.info.owner != owner) return refuse(ErrorCode::Forbidden, "this blob is another user's");
  const uint64_t offset = place.offset;
  if (offset != blob.info.offset) return blob.info.offset;
  if (bytes.size() > blob.info.size - offset || place.ends.value_or(0) > blob.info.size) {
    // The blob ends where this request has got to, so all that is behind its beginning is its own.
    if (!cutBack(id, blob, place.begun)) return failed();
    return refuse(ErrorCode::TooLarge, fmt::format("this blob was announced with {} bytes", blob.info.size));
  }
  if (!bytes.empty()) {
    const FileHandle data(::open(path(id, dataSuffix).c_str(), O_WRONLY | O_CLOEXEC));
    if (!data || !writeAll(data.get(), bytes, offset)) return failed();
    blob.info.offset += bytes.size();
  }
  if (blob.info.offset - blob.settled >= settleEvery) return settle(id);
  return blob.info.offset;
}

/// The number that vouches for the data first.
bool BlobStore::cutBack(const std::string& id, Blob& blob, uint64_t offset) const {
  if (offset >= blob.info.offset) return true;
  if (offset < blob.settled) {
    const FileHandle info(::open(path(id, infoSuffix).c_str(), O_WRONLY | O_CLOEXEC));
    if (!info || !writeAll(info.get(), offsetText(offset), 0) || ::fdatasync(info.get()) != 0) return false;
    blob.settled = offset;
  }
  if (::truncate(path(id, dataSuffix).c_str(), static_cast<off_t>(offset)) != 0) return false;
  blob.info.offset = offset;
  return true;
}

/// The data first, then the number that vouches for it.
Result<uint64_t> BlobStore::settle(const std::string& id) {
  const auto found = blobs_.find(id);
  if (found == blobs_.end()) return notFound();
  Blob& blob = found->second;
  if (blob.settled == blob.info.offset) return blob.settled;
  const FileHandle data(::open(path(id, dataSuffix).c_str(), O_WRONLY | O_CLOEXEC));
  const FileHandle info(::open(path(id, infoSuffix).c_str(), O_WRONLY | O_CLOEXEC));
  if (!data || !info || ::fdatasync(data.get()) != 0 ||
      !writeAll(info.get(), offsetText(blob.info.offset), 0) || ::fdatasync(info.get()) != 0) {
    return failed();
  }
  blob.settled = blob.info.offset;
  return blob.settled;
}

Result<FileHandle> BlobStore::read(const std::string& id, int64_t nowMs) const {
  const auto info = find(id, nowMs);
  if (!info) return tl::make_unexpected(info.error());
  if (!info->whole()) return refuse(ErrorCode::NotFound, "this blob has not been uploaded to its end");
  FileHandle data(::open(path(id, dataSuffix).c_str(), O_RDONLY | O_CLOEXEC));
  if (!data) return failed();
  return data;
}

Result<void> BlobStore::remove(const std::string& id, const std::string& owner, int64_t nowMs) {
  const auto found = blobs_.find(id);
  if (found == blobs_.end() || found->second.info.expiresMs <= nowMs) return notFound();
  if (found->second.info.owner != owner) return refuse(ErrorCode::Forbidden, "this blob is another user's");
  forget(found);
  return {};
}

/// The info goes first: data without it is swept away at the next start.
void BlobStore::forget(Blobs::iterator blob) {
  ::unlink(path(blob->first, infoSuffix).c_str());
  ::unlink(path(blob->first, dataSuffix).c_str());
  count(blob->second.info, false);
  blobs_.erase(blob);
}

size_t BlobStore::sweep(int64_t nowMs) {
  size_t swept = 0;
  for (auto it = blobs_.begin(); it != blobs_.end();) {
    const auto blob = it++;
    if (blob->second.info.expiresMs > nowMs) continue;
    forget(blob);
    ++swept;
  }
  return swept;
}

}  // namespace sotto::server
