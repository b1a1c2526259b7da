// Which worker a room lives on: the least loaded one that is ready. Bookkeeping only, no I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace sotto::server {

class Placement {
 public:
  explicit Placement(size_t workers) : ready_(workers, false), load_(workers, 0) {}

  /// A worker that is not ready gets no rooms.
  void setReady(size_t worker, bool ready) { ready_[worker] = ready; }
  /// Puts the room on the ready worker with the least load (the lowest number among equals) and says which;
  /// nullopt when none is ready. A room that has a place keeps it.
  std::optional<size_t> place(const std::string& room);
  std::optional<size_t> find(const std::string& room) const;
  /// Forgets the room and its endpoints.
  void remove(const std::string& room);
  /// Forgets all rooms of the worker; returns their names, sorted.
  std::vector<std::string> removeAll(size_t worker);

  /// An endpoint adds to its worker's load. Rooms without a place and endpoints known already change nothing.
  void addEndpoint(const std::string& room, const std::string& endpoint);
  void removeEndpoint(const std::string& room, const std::string& endpoint);

  size_t rooms() const { return places_.size(); }
  /// A room weighs like one endpoint: so that rooms which are filling up at the same time spread.
  size_t load(size_t worker) const { return load_[worker]; }

 private:
  struct Place {
    size_t worker = 0;
    std::set<std::string> endpoints;
  };
  std::vector<bool> ready_;
  std::vector<size_t> load_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace sotto::server
