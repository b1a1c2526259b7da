// The call page's files, built into the program.
#pragma once

#include <span>
#include <string_view>

namespace sotto::server {

struct Asset {
  std::string_view path;  ///< "/assets/page.js"; "/" is the page itself
  std::string_view contentType;
  std::string_view content;
};

/// Empty when the page was not there when the program was built.
std::span<const Asset> embeddedAssets();

}  // namespace sotto::server
