// Several calls of which each must be made, whatever another one throws.
#pragma once

#include <exception>
#include <utility>

namespace sotto::server {

/// Keeps the first exception of the work that it runs, to be thrown on when everything has been done.
class FirstFault {
 public:
  template <typename Work>
  void run(Work&& work) {
    try {
      std::forward<Work>(work)();
    } catch (...) {
      if (!fault_) fault_ = std::current_exception();
    }
  }
  void rethrow() {
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
  }

 private:
  std::exception_ptr fault_;
};

}  // namespace sotto::server
