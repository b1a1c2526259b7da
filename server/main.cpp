// sotto-server: reads its configuration, then serves. Exit codes: 0 orderly end, 1 could not start, 2 wrong
// configuration or usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>

#include "config/Loader.hpp"
#include "config/Printer.hpp"
#include "server/HttpServer.hpp"
#include "server/Log.hpp"
#include "server/Server.hpp"

namespace {

using namespace sotto;

constexpr int wrongConfiguration = 2;

/// sotto-worker lies beside sotto-server.
std::string workerProgram() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sotto-worker").string();
}

int run(int argc, char** argv) {
  CLI::App app{"Sotto, an end-to-end encrypted group-call server"};
  std::string file;
  bool check = false;
  bool print = false;
  app.add_option("--config", file, "configuration (YAML); without it the built-in defaults hold")
      ->type_name("FILE");
  app.add_flag("--check-config", check, "check the configuration and end");
  app.add_flag("--print-config", print, "print the configuration in effect and end");
  app.set_version_flag("--version", "sotto-server " SOTTO_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : wrongConfiguration;
  }

  config::Config config = config::defaults();
  if (app.count("--config") != 0) {
    auto loaded = config::loadFile(file);
    if (!loaded) {
      for (const config::Problem& problem : loaded.error()) std::cerr << problem.toString() << '\n';
      return wrongConfiguration;
    }
    config = *std::move(loaded);
  }
  if (const auto tls = server::checkTls(config.http.tls); !tls) {
    std::cerr << (file.empty() ? "configuration" : file) << ": " << tls.error().message << '\n';
    return wrongConfiguration;
  }
  if (print) std::cout << config::toYaml(config);
  if (check) std::cout << (file.empty() ? "the built-in configuration" : file) << " is valid\n";
  if (print || check) return std::cout.flush() ? 0 : 1;

  server::setUpLog(config.log);
  return server::Server(std::move(config), workerProgram()).run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "sotto-server: " << error.what() << '\n';
    return 1;
  }
}
