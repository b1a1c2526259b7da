// OpenSSL's memory BIO would merge the records of a flight into one stream; this one keeps datagrams apart.
#include "media/dtls/DatagramBio.hpp"

#include <algorithm>
#include <stdexcept>

namespace sotto::dtls {
namespace {

DatagramPort& portOf(BIO* bio) {
  return *static_cast<DatagramPort*>(BIO_get_data(bio));
}

int writeDatagram(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  if (size > 0) portOf(bio).putDatagram({reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(size)});
  return size;
}

int readDatagram(BIO* bio, char* out, int capacity) {
  BIO_clear_retry_flags(bio);
  const base::ByteView datagram = portOf(bio).takeDatagram();
  if (datagram.empty() || capacity <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // As recv() on a socket: what has no room is cut off.
  const size_t size = std::min(datagram.size(), static_cast<size_t>(capacity));
  std::copy_n(datagram.begin(), size, out);
  return static_cast<int>(size);
}

/// Nothing is buffered and the MTU is set by hand, so that only a flush has an answer.
long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* makeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
  if (method == nullptr || BIO_meth_set_write(method, &writeDatagram) != 1 ||
      BIO_meth_set_read(method, &readDatagram) != 1 || BIO_meth_set_ctrl(method, &control) != 1) {
    throw std::runtime_error("OpenSSL could not make a BIO method");
  }
  return method;
}

}  // namespace

BIO* makeDatagramBio(DatagramPort& port) {
  static BIO_METHOD* const method = makeMethod();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) throw std::runtime_error("OpenSSL could not make a BIO");
  BIO_set_data(bio, &port);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace sotto::dtls
