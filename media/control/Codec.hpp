// The JSON form of Messages.hpp, one object for each message:
//   request  {"id": 7, "request": "create_room", ...fields}
//   reply    {"reply": 7, "error": "", "statistics": {...}}
//   event    {"event": "slots_bound", ...fields}
// Every field is always there (an optional one is null when it has no value) and has the name of its member.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "media/base/Expected.hpp"
#include "media/control/Messages.hpp"

namespace sotto::control {

/// What a worker sends.
using WorkerMessage = std::variant<Reply, Event>;

std::string encode(const Request& request);
std::string encode(const Reply& reply);
std::string encode(const Event& event);

/// The error names the field and what was expected there. Numbers must fit their type, words must be known;
/// keys that are not known are ignored.
base::Expected<Request> decodeRequest(std::string_view text);
base::Expected<WorkerMessage> decodeWorkerMessage(std::string_view text);

}  // namespace sotto::control
