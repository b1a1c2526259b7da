// Verifying; see the header. Which identities were marked is a section of the device's state.
#include "client/native/cli/VerifyCommand.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"
#include "client/native/cli/LocalDevice.hpp"
#include "client/native/cli/QrText.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/directory/AccountClient.hpp"
#include "client/native/e2ee/signal/Fingerprint.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;
using signal::Trust;

constexpr const char* markSection = "verified";

base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// {"user": {"device": identity key as base64}}: the identities that somebody has compared.
json readMarks(const signal::DeviceStore& store) {
  const base::ByteView bytes = store.section(markSection);
  json marks = json::parse(bytes.begin(), bytes.end(), nullptr, false);
  return marks.is_object() ? marks : json::object();
}

std::string inGroupsOfFive(const std::string& digits) {
  constexpr size_t group = 5, groupsPerLine = 6;
  std::string text;
  for (size_t i = 0; i < digits.size(); i += group) {
    if (i > 0) text += i % (group * groupsPerLine) == 0 ? "\n" : " ";
    text += digits.substr(i, group);
  }
  return text;
}

struct Shown {
  std::string device;
  Trust trust = Trust::New;
  bool marked = false;
  std::string identityKey, digits;
  std::vector<uint8_t> scannable;
};

Shown look(LocalDevice& own, const std::string& user, const directory::KnownDevice& known,
           const json& marks) {
  Shown shown;
  shown.device = known.device;
  shown.trust = own.store().trust({user, known.device}, known.identityKey);
  shown.identityKey = call::toBase64(known.identityKey.serialize());
  const signal::Fingerprint fingerprint({bytesOf(own.self().user), own.store().keys().identity().publicKey},
                                        {bytesOf(user), known.identityKey});
  shown.digits = fingerprint.digits();
  shown.scannable = fingerprint.scannable();
  const json byUser = marks.value(user, json::object());
  shown.marked = byUser.is_object() && byUser.value(known.device, json()) == json(shown.identityKey);
  return shown;
}

const char* stateName(const Shown& shown) {
  if (shown.trust == Trust::Changed) return "changed";
  if (shown.marked) return "verified";
  return shown.trust == Trust::Pinned ? "known" : "new";
}

void print(const Shown& shown, const std::string& user) {
  std::printf("%s's device %s: %s\n", printable(user).c_str(), printable(shown.device).c_str(),
              stateName(shown));
  if (shown.trust == Trust::Changed) {
    std::printf(
        "\n*** THE IDENTITY KEY OF THIS DEVICE HAS CHANGED. ***\n"
        "Either it was set up anew, or somebody stands between you. Nothing is sent to it and nothing\n"
        "taken from it until you accept the new key (--accept). Compare this number first.\n\n");
  }
  std::printf("%s\n", inGroupsOfFive(shown.digits).c_str());
  if (const auto modules = makeQr(shown.scannable)) {
    std::printf("%s", drawQr(*modules, isatty(STDOUT_FILENO) != 0).c_str());
  }
}

json asJson(const Shown& shown) {
  return {{"device", shown.device},
          {"state", stateName(shown)},
          {"identityKey", shown.identityKey},
          {"safetyNumber", shown.digits},
          {"qr", call::toBase64(shown.scannable)}};
}

}  // namespace

ExitCode runVerify(const VerifyOptions& options) {
  const auto complain = [](const DeviceProblem& problem) {
    say(problem.message);
    return problem.code;
  };
  auto own = LocalDevice::open(options.device);
  if (!own) return complain(own.error());
  if (auto token = (*own)->authorize(options.device, "", (*own)->self().user); !token) {
    return complain(token.error());
  }
  const auto devices = directory::AccountClient((*own)->http()).devicesOf(options.user);
  if (!devices) return complain({ExitCode::CallFailed, devices.error().message});

  signal::DeviceStore& store = (*own)->store();
  json marks = readMarks(store);
  json list = json::array();
  bool changed = false;
  for (const directory::KnownDevice& known : *devices) {
    const signal::DeviceName name{options.user, known.device};
    if (name == (*own)->self()) continue;
    Shown shown = look(**own, options.user, known, marks);
    if (options.accept && shown.trust == Trust::Changed) {
      store.pin(name, known.identityKey);
      shown = look(**own, options.user, known, marks);
      say("the new identity of " + options.user + "'s device " + known.device + " is accepted");
    }
    if (shown.trust == Trust::Changed) changed = true;
    if (options.mark && shown.trust != Trust::Changed) {
      store.pin(name, known.identityKey);
      marks[options.user][known.device] = shown.identityKey;
      shown = look(**own, options.user, known, marks);
    }
    if (!options.asJson) print(shown, options.user);
    list.push_back(asJson(shown));
  }
  if (list.empty()) return complain({ExitCode::CallFailed, options.user + " has no registered device"});
  if (options.mark) store.setSection(markSection, bytesOf(marks.dump()));
  if (options.accept || options.mark) {
    if (auto saved = (*own)->save(); !saved) return complain({ExitCode::BadInput, saved.error().message});
  }
  if (options.asJson) {
    const json all{{"user", options.user}, {"devices", list}};
    std::printf("%s\n", all.dump(2, ' ', false, json::error_handler_t::replace).c_str());
  }
  return changed ? ExitCode::IdentityChanged : ExitCode::Ok;
}

}  // namespace sotto::client::cli
