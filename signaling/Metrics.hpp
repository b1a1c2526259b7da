// What signaling counts about itself.
#pragma once

#include <array>
#include <cstdint>

#include "signaling/RequestError.hpp"
#include "signaling/Tokens.hpp"

namespace sotto::signaling {

struct Metrics {
  uint64_t connections = 0;       ///< sockets ever opened
  uint64_t messages = 0;          ///< received, refused ones included
  uint64_t joins = 0;             ///< fresh sessions
  uint64_t resumes = 0;           ///< sessions taken up again
  uint64_t replaced = 0;          ///< sessions that gave way to another of the same user and device
  uint64_t timeouts = 0;          ///< sessions that were not resumed in time
  uint64_t offers = 0;            ///< answered
  uint64_t mediaRestarts = 0;     ///< `media-restart` events
  uint64_t roomsLost = 0;         ///< rooms whose worker went away
  uint64_t tokensIssued = 0;      ///< in development mode
  uint64_t closedForRate = 0;     ///< sockets closed for sending too much too long
  uint64_t closedForSize = 0;     ///< sockets closed for a message over the limit
  uint64_t closedForSilence = 0;  ///< sockets that did not join in time
  uint64_t closedForFault = 0;    ///< sockets closed because their message brought out an error of ours
  std::array<uint64_t, tokenFaultCount> tokenFaults{};  ///< tokens refused, by reason
  std::array<uint64_t, errorCodeCount> errors{};        ///< errors told to clients, by code
};

}  // namespace sotto::signaling
