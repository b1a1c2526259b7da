// Shared by the tests of the store file: a folder of their own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "client/native/e2ee/store/DeviceStoreFile.hpp"
#include "tests/unit/signal/SignalTestSupport.hpp"

namespace sotto::e2ee::store::test {

/// A folder that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::temp_directory_path() / "sotto-store-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder for the test");
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sotto::e2ee::store::test
