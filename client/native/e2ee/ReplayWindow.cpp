// A ring of seen-bits below the highest accepted counter; see the header.
#include "client/native/e2ee/ReplayWindow.hpp"

namespace sotto::client::e2ee {

bool ReplayWindow::seen(uint64_t counter) const {
  if (!any_ || counter > highest_) return false;
  if (highest_ - counter >= size) return true;
  return (bits_[counter % size / 64] >> (counter % 64) & 1) != 0;
}

void ReplayWindow::accept(uint64_t counter) {
  if (!any_) {
    any_ = true;
    highest_ = counter;
  }
  if (counter > highest_) {
    if (counter - highest_ >= size) {
      bits_.fill(0);
    } else {
      for (uint64_t skipped = highest_ + 1; skipped < counter; ++skipped) {
        bits_[skipped % size / 64] &= ~(uint64_t{1} << (skipped % 64));
      }
    }
    highest_ = counter;
  }
  bits_[counter % size / 64] |= uint64_t{1} << (counter % 64);
}

}  // namespace sotto::client::e2ee
