#include "tests/sim/SimDevice.hpp"

#include "client/native/call/DirectoryMessages.hpp"
#include "signaling/KeyDirectory.hpp"
#include "signaling/KeyMessages.hpp"

namespace sotto::sim {

using namespace client::call;
using client::e2ee::DirectoryDone;
using client::e2ee::DirectoryError;
using client::e2ee::DirectoryResult;
using signaling::DirectoryLimits;

namespace {

DirectoryError errorOf(const signaling::RequestError& error) {
  return {std::string(signaling::errorCodeName(error.code)), error.message};
}

/// Turns the directory's answer into the text that HTTP would carry.
template <typename T, typename Answered, typename Write>
auto answering(Answered answered, Write write) {
  return [answered, write](const signaling::Result<T>& result) {
    if (!result) return answered(tl::make_unexpected(errorOf(result.error())));
    answered(write(*result));
  };
}

}  // namespace

void SimDirectory::ask(const std::string& body, std::function<void(Answered)> work,
                       std::function<void(Answer)> done) {
  ++requests;
  bytes += body.size();
  time_.after(delay_, [this, alive = alive_, work = std::move(work), done = std::move(done)] {
    if (!*alive) return;
    work([this, alive, done](Answer answer) {
      time_.after(delay_, [this, alive, done, answer = std::move(answer)] {
        if (!*alive) return;
        if (answer) bytes += answer->size();
        done(answer);
      });
    });
    server_.settle();
  });
}

void SimDirectory::fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                                DirectoryDone<std::vector<client::e2ee::DeviceBundle>> done) {
  const std::string body = makeBundleRequest(devices);
  ask(
      body,
      [this, user, body](Answered answered) {
        auto names = signaling::parseBundleRequest(body, DirectoryLimits{});
        if (!names) return answered(tl::make_unexpected(errorOf(names.error())));
        server_.keys().bundles(self_.user, user, std::move(*names),
                               answering<std::vector<signaling::Bundle>>(answered, signaling::bundlesJson));
      },
      [done = std::move(done)](const Answer& answer) { done(answer.and_then(parseBundles)); });
}

void SimDirectory::listDevices(const std::string& user, DirectoryDone<std::vector<std::string>> done) {
  ask(
      "",
      [this, user](Answered answered) {
        server_.keys().devices(
            user, answering<std::vector<signaling::DeviceInfo>>(answered, signaling::devicesJson));
      },
      [done = std::move(done)](const Answer& answer) { done(answer.and_then(parseDevices)); });
}

void SimDirectory::putKeys(const client::e2ee::DeviceKeys& keys, DirectoryDone<size_t> done) {
  const std::string body = makeKeys(keys);
  ask(
      body,
      [this, body](Answered answered) {
        auto registration = signaling::parseRegistration(body, DirectoryLimits{});
        if (!registration) return answered(tl::make_unexpected(errorOf(registration.error())));
        server_.keys().put(self_, std::move(*registration),
                           answering<size_t>(answered, signaling::preKeyCountJson));
      },
      [done = std::move(done)](const Answer& answer) { done(answer.and_then(parsePreKeyCount)); });
}

void SimDirectory::renewSignedPreKey(const client::e2ee::signal::PublicSignedPreKey& key,
                                     DirectoryDone<bool> done) {
  const std::string body = makeSignedPreKey(key);
  ask(
      body,
      [this, body](Answered answered) {
        auto parsed = signaling::parseSignedPreKey(body);
        if (!parsed) return answered(tl::make_unexpected(errorOf(parsed.error())));
        server_.keys().renew(self_, std::move(*parsed),
                             answering<signaling::KeyDirectory::None>(
                                 answered, [](const auto&) { return std::string("{}"); }));
      },
      [done = std::move(done)](const Answer& answer) {
        done(answer.map([](const std::string&) { return true; }));
      });
}

void SimDirectory::addOneTimePreKeys(const std::vector<client::e2ee::signal::PublicPreKey>& keys,
                                     DirectoryDone<size_t> done) {
  const std::string body = makeOneTimePreKeys(keys);
  ask(
      body,
      [this, body](Answered answered) {
        auto parsed = signaling::parseOneTimePreKeys(body, DirectoryLimits{});
        if (!parsed) return answered(tl::make_unexpected(errorOf(parsed.error())));
        server_.keys().add(self_, std::move(*parsed),
                           answering<size_t>(answered, signaling::preKeyCountJson));
      },
      [done = std::move(done)](const Answer& answer) { done(answer.and_then(parsePreKeyCount)); });
}

SimDevice::SimDevice(VirtualTime& time, SimServer& server, const std::string& user, uint64_t seed,
                     base::TimeDelta delay)
    : random(seed),
      store(client::e2ee::signal::DeviceStore::create({user, SimServer::deviceName}, random, 1'700'000'000)),
      directory(time, server, {user, SimServer::deviceName}, delay),
      registration(store, storage, directory, random) {
  registration.registerDevice([this](const std::string& problem) { registered = problem.empty(); });
}

}  // namespace sotto::sim
