// Writes a configuration as YAML that the loader reads again (but for the secret).
#pragma once

#include <string>

#include "config/Config.hpp"

namespace sotto::config {

/// All keys in the order of sotto.yaml. A secret that is set is shown as "***".
std::string toYaml(const Config& config);

}  // namespace sotto::config
