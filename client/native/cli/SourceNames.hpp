// The names of sources and codecs in reports, file names and messages.
#pragma once

#include <string_view>

#include "media/control/Messages.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::cli {

constexpr std::string_view sourceName(control::TrackSource source) {
  switch (source) {
    case control::TrackSource::Microphone:
      return "microphone";
    case control::TrackSource::Camera:
      return "camera";
    case control::TrackSource::Screen:
      return "screen";
  }
  return "";
}

constexpr std::string_view codecName(frame::CodecType codec) {
  switch (codec) {
    case frame::CodecType::Opus:
      return "opus";
    case frame::CodecType::Vp8:
      return "vp8";
    case frame::CodecType::Vp9:
      return "vp9";
  }
  return "";
}

}  // namespace sotto::client::cli
