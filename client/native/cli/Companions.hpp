// Others for a call of one's own, who join and leave on a schedule (join --rotate): processes of this very
// program with devices of their own that live as long as the call.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "media/base/Expected.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::cli {

/// One stay in the call.
struct Stay {
  std::string name;
  base::TimeDelta from, to;  ///< after our own media first flowed
  bool operator==(const Stay&) const = default;
};

/// Reads NAME:FROM-TO, in seconds.
base::Expected<Stay> parseStay(const std::string& text);

class Companions {
 public:
  struct Call {
    std::string server, room;
    std::string suite;  ///< empty: the first of the room's
    bool insecure = false;
    std::string caFile;
  };
  /// The folder for their devices and reports is made at once and goes with this object.
  static base::Expected<Companions> create(Call call, std::vector<Stay> stays);
  Companions(Companions&& other) noexcept;
  Companions& operator=(Companions&&) = delete;
  Companions(const Companions&) = delete;
  Companions& operator=(const Companions&) = delete;
  /// Ends those who are still there.
  ~Companions();

  /// When the next one joins, after our own media first flowed; infinite when all have.
  base::TimeDelta nextStart() const;
  /// Starts whoever is due.
  base::Expected<void> startDue(base::TimeDelta elapsed);
  /// Asks those who are there to leave, waits for all, and returns their reports.
  std::vector<std::string> finish();

 private:
  Companions(Call call, std::vector<Stay> stays, std::string folder);
  base::Expected<void> start(const Stay& stay);
  std::string pathOf(size_t index, const char* what) const;

  Call call_;
  std::vector<Stay> stays_;  ///< in the order of their joining
  std::string folder_;
  std::vector<pid_t> processes_;  ///< 0: has been waited for
};

}  // namespace sotto::client::cli
