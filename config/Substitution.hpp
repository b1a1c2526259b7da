// Environment variables in values: ${NAME}, ${NAME:-default}, and $${ for a plain "${".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace sotto::config {

/// `text` with its variables filled in, or a sentence that says what was wrong. What a variable gives is not
/// looked through again.
tl::expected<std::string, std::string> substitute(
    std::string_view text, const std::function<std::optional<std::string>(const std::string&)>& environment);

}  // namespace sotto::config
