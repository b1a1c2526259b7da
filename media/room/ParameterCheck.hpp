// Checks what the server asks for before anything is built from it.
#pragma once

#include <string>

#include "media/control/Messages.hpp"

namespace sotto::room {

/// Empty, or one sentence that says what is wrong.
std::string checkParameters(const control::EndpointParameters& parameters);

}  // namespace sotto::room
