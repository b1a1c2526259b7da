// "Did you mean": the known word nearest to one that is not known.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace sotto::config {

/// Edits (insert, delete, replace, swap two neighbours) between two words: the restricted
/// Damerau-Levenshtein distance.
size_t editDistance(std::string_view a, std::string_view b);

/// The candidate with the fewest edits, if these are at most a third of the word's length (at least one).
std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates);

}  // namespace sotto::config
