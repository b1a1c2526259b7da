// What every engine behind signaling::Storage must do, as checks that run against any of them.
#pragma once

#include <functional>
#include <string>

#include "signaling/storage/Storage.hpp"

namespace sotto::signaling::test {

/// Uses keys that begin with "contract", of which there are none before and none afterwards. `settle` lets
/// the engine answer all that was asked.
void checkStorageContract(Storage& storage, const std::function<void()>& settle);

}  // namespace sotto::signaling::test
