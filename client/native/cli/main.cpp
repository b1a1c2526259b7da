// sotto-client: Sotto's bundled test client.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "client/native/cli/JoinCommand.hpp"
#include "client/native/cli/VectorsCommand.hpp"

namespace {

using namespace sotto::client::cli;

constexpr const char* footer =
    "Exit codes: 0 all well; 1 the call failed (server, token, network) or vectors do not match; 2 bad "
    "usage, key "
    "or file; 3 frames came but could not be opened, or their content was not what was sent.";

constexpr const char* joinFooter =
    "Files play in a loop until the duration is over. Asked for a key frame, a file goes on at its next "
    "one.\n"
    "The report names for each remote stream: frames received, opened and failed (by reason), its layer over "
    "time, the "
    "longest gap between frames, and the latency when the frames are synthetic and the clocks shared.\n\n";

ExitCode run(int argc, char** argv) {
  CLI::App app{"Joins Sotto calls from the command line and checks sealed frames", "sotto-client"};
  app.require_subcommand(1);
  app.footer(footer);

  std::string vectorFile;
  CLI::App* vectors =
      app.add_subcommand("vectors", "Seal and open every entry of a file of known sealed frames");
  vectors->add_option("file", vectorFile, "JSON in the form of tests/vectors/sotto-frames.json")->required();
  vectors->footer(footer);

  JoinOptions options;
  CLI::App* join = app.add_subcommand("join", "Join a room, send and receive sealed media, and report");
  declareJoinOptions(*join, options);
  join->footer(std::string(joinFooter) + footer);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::Ok : ExitCode::BadInput;
  }
  return vectors->parsed() ? runVectors(vectorFile) : runJoin(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sotto-client: %s\n", error.what());
    return static_cast<int>(ExitCode::CallFailed);
  }
}
