// Messages to the person who runs the program, on standard error.
#pragma once

#include <cstdio>
#include <string>

#include "client/native/cli/Progress.hpp"

namespace sotto::client::cli {

/// One line, without what could steer a terminal.
inline void say(const std::string& text) {
  std::fprintf(stderr, "sotto-client: %s\n", printable(text).c_str());
}

}  // namespace sotto::client::cli
