#include "server/DataDirectory.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sotto::server {

base::Expected<std::string> prepareDataDirectory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(path, error).lexically_normal();
  const auto failed = [&folder](const std::string& why) {
    return base::fail(fmt::format("storage.directory: {} cannot be used ({})", folder.string(), why));
  };
  if (error) return failed(error.message());
  std::filesystem::create_directories(folder.parent_path(), error);
  if (error) return failed(error.message());
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return failed(std::strerror(errno));
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return failed(std::strerror(errno));
  if (!S_ISDIR(status.st_mode)) return failed("it is not a folder");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return failed(fmt::format("mode {:04o}: others may write to it, expected 0700", status.st_mode & 07777));
  }
  return folder.string();
}

}  // namespace sotto::server
