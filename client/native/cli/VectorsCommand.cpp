// The vectors command; see the header.
#include "client/native/cli/VectorsCommand.hpp"

#include <cstdio>

#include "client/native/e2ee/FrameVectors.hpp"

namespace sotto::client::cli {

ExitCode runVectors(const std::string& path) {
  const auto report = e2ee::checkFrameVectors(path);
  if (!report) {
    std::fprintf(stderr, "sotto-client: %s\n", report.error().message.c_str());
    const bool mismatch = report.error().kind == e2ee::FrameVectorFault::Kind::Mismatch;
    return mismatch ? ExitCode::CallFailed : ExitCode::BadInput;
  }
  std::printf("%s: %zu frames sealed and opened byte for byte, %zu ratchet steps followed\n", path.c_str(),
              report->frames, report->ratchetSteps);
  return ExitCode::Ok;
}

}  // namespace sotto::client::cli
