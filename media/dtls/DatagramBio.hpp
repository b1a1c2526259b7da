// The bottom of OpenSSL's stack in place of a socket: one datagram to read, and each write is one datagram.
#pragma once

#include <openssl/bio.h>

#include "media/base/Bytes.hpp"

namespace sotto::dtls {

/// What the BIO talks to.
class DatagramPort {
 public:
  virtual ~DatagramPort() = default;
  /// The next datagram to read, which is then used up; empty when there is none.
  virtual base::ByteView takeDatagram() = 0;
  /// One outgoing datagram.
  virtual void putDatagram(base::ByteView datagram) = 0;
};

/// A new BIO over `port`, which must outlive it. Throws std::runtime_error when OpenSSL fails.
BIO* makeDatagramBio(DatagramPort& port);

}  // namespace sotto::dtls
