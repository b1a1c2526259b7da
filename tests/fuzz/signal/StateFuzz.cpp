// What is read back as a device's state: whatever is accepted is written and read again without a difference,
// and works as a device without a crash.
#include <algorithm>
#include <cstdlib>

#include "client/native/e2ee/signal/DeviceStore.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;

namespace {

void trySession(base::ByteView input) {
  StateReader in(input);
  auto record = SessionRecord::read(in);
  if (!record) return;
  StateWriter first;
  record->write(first);
  StateReader again(first.written());
  const auto second = SessionRecord::read(again);
  if (!second || !again.atEnd()) std::abort();
  StateWriter last;
  second->write(last);
  if (!std::ranges::equal(first.written(), last.written())) std::abort();
  const auto message = encrypt(*record, input.first(std::min<size_t>(input.size(), 40)));
  if (!message && record->hasCurrent() && message.error() != SignalError::ChainExhausted) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView input(data, size);
  trySession(input);
  const auto device = DeviceStore::deserialize(input);
  if (!device) return 0;
  const auto state = device->serialize();
  const auto again = DeviceStore::deserialize(state.view());
  if (!again || !again->serialize().equals(state.view())) std::abort();
  return 0;
}
