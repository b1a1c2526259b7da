#include "media/frame/Frame.hpp"

#include "media/frame/FramePool.hpp"

namespace sotto::frame {

void FrameRef::reset() {
  if (frame_ != nullptr && --frame_->references_ == 0) frame_->pool_->release(frame_);
  frame_ = nullptr;
}

}  // namespace sotto::frame
