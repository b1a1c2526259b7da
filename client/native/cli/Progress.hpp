// Live progress: a table that refreshes in place on a terminal, plain lines elsewhere.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"

namespace sotto::client::cli {

/// Rates between two looks at the statistics, as lines of text: one of the call, then one for each stream.
class ProgressText {
 public:
  std::vector<std::string> lines(const call::CallStatistics& statistics, base::TimeDelta elapsed,
                                 base::Timestamp now);

 private:
  call::CallStatistics before_;
  base::Timestamp beforeTime_ = base::Timestamp::minusInfinity();
};

class Progress {
 public:
  /// `columns`: width of the terminal; 0 when `out` is none, and no cursor movements are written.
  Progress(std::FILE* out, size_t columns) : out_(out), terminal_(columns > 0), columns_(columns) {}

  /// On a terminal replaces the table; elsewhere prints the first line alone, at most every five seconds.
  void update(const std::vector<std::string>& lines, base::Timestamp now);
  /// A line that stays.
  void message(const std::string& text);
  /// Leaves the table standing and goes on below it.
  void finish() { shown_ = 0; }

 private:
  void erase();

  std::FILE* out_;
  bool terminal_;
  size_t columns_;
  size_t shown_ = 0;  ///< lines of the table on the screen
  base::Timestamp lastPlain_ = base::Timestamp::minusInfinity();
};

/// Text from others (names, reasons) without what could steer a terminal: control characters become '?'.
std::string printable(const std::string& text);

}  // namespace sotto::client::cli
