// sotto-worker: the media plane of some rooms, in a process that can do nothing else. Started by
// sotto-server, which holds the other end of the control channel; ends when that closes. Exit codes: 0
// orderly end, 1 could not start, 2 wrong usage.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "media/control/Channel.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/net/Capabilities.hpp"
#include "media/net/UdpSocket.hpp"
#include "media/sctp/SctpStack.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "media/worker/EventLoop.hpp"
#include "media/worker/Options.hpp"
#include "media/worker/Sandbox.hpp"

namespace {

using namespace sotto;

/// To the server, which logs it.
int complain(const std::string& message, int exitCode) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return exitCode;
}

int run(int argc, char** argv) {
  const pid_t parent = getppid();
  const auto options = worker::parseOptions(argc, argv);
  if (!options) return complain(options.error().message, 2);
  if (const auto bound = worker::dieWithParent(parent); !bound) return complain(bound.error().message, 1);

  const net::Capabilities capabilities = net::probe();
  auto socket = net::UdpSocket::open({options->address}, capabilities);
  if (!socket) return complain(socket.error().message, 1);
  const dtls::Certificate certificate = dtls::Certificate::generate();
  const auto srtpLibraries = srtp::prepareSrtp();
  sctp::SctpStack::instance();

  control::WorkerReady ready;
  ready.udpPort = socket->localAddress().port;
  ready.fingerprint = {"sha-256", certificate.fingerprint()};
  ready.segmentation = socket->capabilities().segment;
  ready.coalescing = socket->capabilities().gro;

  auto loop =
      worker::EventLoop::make(control::Channel(options->controlDescriptor), *std::move(socket), certificate);
  if (!loop) return complain(loop.error().message, 1);
  if (const auto entered = worker::enterSandbox(); !entered) return complain(entered.error().message, 1);
  (*loop)->run(ready);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return complain(error.what(), 1);
  }
}
