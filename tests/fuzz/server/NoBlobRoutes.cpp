// The blob store is files: its routes are not part of these targets.
#include "server/Api.hpp"

std::span<const sotto::server::Api::Route> sotto::server::blobRoutes() {
  return {};
}
