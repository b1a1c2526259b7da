// Sealing and opening allocate nothing once warm: neither with operator new nor inside OpenSSL.
#include <openssl/crypto.h>

#include <catch2/catch.hpp>

#include "SrtpTestSupport.hpp"
#include "tests/support/AllocationCount.hpp"

namespace {
using sotto::test::allocationCount;

void* countedMalloc(size_t size, const char*, int) {
  ++allocationCount;
  return std::malloc(size);
}
void* countedRealloc(void* pointer, size_t size, const char*, int) {
  ++allocationCount;
  return std::realloc(pointer, size);
}
void countedFree(void* pointer, const char*, int) {
  std::free(pointer);
}
// OpenSSL takes another allocator only before its first allocation.
const int opensslCounted = CRYPTO_set_mem_functions(&countedMalloc, &countedRealloc, &countedFree);
}  // namespace

using namespace sotto::srtp;

TEST_CASE("Sealing and opening with AES-GCM allocate nothing once warm") {
  REQUIRE(opensslCounted == 1);
  for (Profile profile : {Profile::AeadAes128Gcm, Profile::AeadAes256Gcm}) {
    Pair pair(profile);
    Bytes plain = simpleRtp(9, 0, 1100), rtcp{0x80, 201, 0, 1, 0, 0, 0, 9}, out(1500);
    const sotto::base::ByteView view(plain);
    size_t opened = 0, before = 0;
    for (uint16_t i = 0; i < 3000; ++i) {
      if (i == 1) before = allocationCount;
      sotto::base::storeU16(&plain[2], i);
      const size_t size =
          *pair.sender->protectRtp(view.first(12), view.subspan(12, 3), view.subspan(15), out);
      opened += pair.receiver->unprotectRtp(sotto::base::MutableByteView(out).first(size)).has_value();
      const size_t rtcpSize = *pair.sender->protectRtcp(rtcp, out);
      opened += pair.receiver->unprotectRtcp(sotto::base::MutableByteView(out).first(rtcpSize)).has_value();
    }
    const size_t after = allocationCount;
    CHECK(opened == 6000);
    CHECK(after == before);
    CHECK(before > 0);
  }
}
