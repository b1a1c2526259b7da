// Reads configuration files (YAML) over the built-in default, and says what is wrong with them and where.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/Config.hpp"

namespace sotto::config {

/// One fault. `line` and `column` count from 1; 0 where the fault has no place (the file cannot be read).
struct Problem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;  ///< what was wrong, and what was expected

  /// "file:line:column: message", or "file: message".
  std::string toString() const;
};

/// A configuration, or everything that is wrong with it, in the order of the file.
using LoadResult = tl::expected<Config, std::vector<Problem>>;

/// Gives the value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The variables of this process.
Environment processEnvironment();

/// config/sotto.yaml as it was when the program was built.
std::string_view defaultYaml();

/// What holds without any file.
Config defaults();

/// Reads the file at `path` over the defaults.
LoadResult loadFile(const std::string& path, const Environment& environment = processEnvironment());

/// Like loadFile, from text; `name` stands for the file in messages.
LoadResult loadText(std::string_view yaml, const std::string& name, const Environment& environment);

/// Reads `yaml` over nothing: a key that is missing is a problem. For the default file itself.
LoadResult loadComplete(std::string_view yaml, const std::string& name, const Environment& environment);

}  // namespace sotto::config
