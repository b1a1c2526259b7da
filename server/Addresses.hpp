// The addresses that clients are told to send media to.
#pragma once

#include <string>
#include <vector>

#include "media/base/SocketAddress.hpp"

namespace sotto::server {

/// IPv4 and IPv6 addresses of this machine's interfaces that are up, without loopback and link-local ones.
std::vector<std::string> interfaceAddresses();

/// Replaces "auto" in `announced` by `interfaces` (IPv4 first: more networks carry it) and then 127.0.0.1,
/// which last resort serves callers on this machine; by `bound` alone when that is not "*". Without
/// duplicates, in order, port 0.
std::vector<base::SocketAddress> announcedAddresses(const std::vector<std::string>& announced,
                                                    const std::string& bound,
                                                    const std::vector<std::string>& interfaces);

}  // namespace sotto::server
