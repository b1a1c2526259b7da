// Callbacks that outlive whom they call: they do nothing once their owner is gone.
#pragma once

#include <memory>
#include <utility>

namespace sotto::signaling {

/// `alive` is a member of the owner, so that it ends with it.
template <typename F>
auto guarded(const std::shared_ptr<const bool>& alive, F work) {
  return [weak = std::weak_ptr<const bool>(alive), work = std::move(work)](auto&&... result) {
    if (!weak.expired()) work(std::forward<decltype(result)>(result)...);
  };
}

}  // namespace sotto::signaling
