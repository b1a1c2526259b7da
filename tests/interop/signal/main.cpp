// sotto-signal-peer: a device of ours that talks over stdin and stdout, for tests with other implementations.
#include <iostream>

#include "tests/interop/signal/SignalPeer.hpp"

int main() {
  sotto::interop::SignalPeer peer;
  for (std::string line; std::getline(std::cin, line);) std::cout << peer.answer(line) << std::endl;
  return 0;
}
