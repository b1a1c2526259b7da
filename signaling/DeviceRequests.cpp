#include "signaling/DeviceRequests.hpp"

#include "signaling/Tokens.hpp"

namespace sotto::signaling {

DeviceRequests::DeviceRequests(Directory& directory, KeyDirectory& keys, Mailboxes& mailboxes,
                               SocketAnswers& answers)
    : directory_(directory), keys_(keys), mailboxes_(mailboxes), answers_(answers) {}

Result<DeviceName> DeviceRequests::identify(const AttachRequest& request, const DeviceName* known) {
  if (request.token.empty() && known != nullptr) return *known;
  const auto claims =
      verifyToken(directory_.settings.authSecret, request.token, directory_.now.unixMs / 1000);
  if (!claims) {
    ++directory_.metrics.tokenFaults[static_cast<size_t>(claims.error().fault)];
    return tl::make_unexpected(claims.error().error);
  }
  DeviceName named{claims->user, claims->device};
  if (known != nullptr && named != *known) {
    return refuse(ErrorCode::Forbidden, "this socket belongs to another device");
  }
  return named;
}

void DeviceRequests::attach(uint64_t connectionId, uint64_t request, const AttachRequest& body,
                            const DeviceName& device, std::shared_ptr<Connection> connection) {
  mailboxes_.attach(device, std::move(connection), connectionId, body.after,
                    [this, connectionId, request, device](Result<size_t> pending) {
                      // The socket may have gone while the mailbox was loaded.
                      if (!answers_.isOpen(connectionId)) return mailboxes_.detach(device, connectionId);
                      if (!pending) return answers_.refuseRequest(connectionId, request, pending.error());
                      answers_.answer(connectionId, attachReply(request, device, *pending));
                      keys_.checkLow(device);
                    });
}

void DeviceRequests::send(uint64_t connectionId, uint64_t request, SendRequest body,
                          const DeviceName& device) {
  mailboxes_.send(device, std::move(body), [this, connectionId, request](Result<SendResult> result) {
    if (!result) return answers_.refuseRequest(connectionId, request, result.error());
    answers_.answer(connectionId, sendReply(request, *result));
  });
}

void DeviceRequests::acknowledge(uint64_t connectionId, uint64_t request, AckRequest body,
                                 const DeviceName& device) {
  mailboxes_.acknowledge(device, body.upTo, [this, connectionId, request](Result<Mailboxes::None> done) {
    if (!done) return answers_.refuseRequest(connectionId, request, done.error());
    answers_.answer(connectionId, okReply(request));
  });
}

}  // namespace sotto::signaling
