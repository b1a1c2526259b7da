// Errors as values. `Expected<T>` for the control plane, where an error is a sentence for a person;
// packet parsers use tl::expected with an enum of their own, so that bad input allocates nothing.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sotto::base {

/// What went wrong, where, and what was expected, in one sentence without a full stop.
struct Error {
  std::string message;
};

template <typename T>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message) {
  return tl::make_unexpected(Error{std::move(message)});
}

}  // namespace sotto::base
