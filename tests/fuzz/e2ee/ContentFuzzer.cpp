// Contents from a hostile device: whatever decodes must encode, and decode to the same again.
#include <cstdlib>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/content/Padding.hpp"

using namespace sotto;
using namespace sotto::client::e2ee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)decodeErrorReceipt({data, size});
  (void)decodeContent({data, size});
  (void)decodeBody({data, size});
  // Padding is easily lost to a mutation, so it is put on here, too.
  const SecretBytes padded = pad({data, size}, paddingStep, paddingStep);
  if (const auto content = decodeContent(padded.view())) {
    const SecretBytes again = encodeContent(*content);
    const auto back = decodeContent(again.view());
    if (!back || !again.equals(encodeContent(*back).view())) std::abort();
  }
  if (const auto body = decodeBody(padded.view())) {
    if (!decodeBody(encodeBody(*body).view())) std::abort();
  }
  return 0;
}
