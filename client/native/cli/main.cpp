// sotto-client: Sotto's bundled test client.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>

#include "client/native/cli/DeviceCommand.hpp"
#include "client/native/cli/JoinCommand.hpp"
#include "client/native/cli/ReceiveCommand.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/cli/SecretsFile.hpp"
#include "client/native/cli/SendCommand.hpp"
#include "client/native/cli/VectorsCommand.hpp"
#include "client/native/cli/VerifyCommand.hpp"

namespace {

using namespace sotto::client::cli;

constexpr const char* footer =
    "Exit codes: 0 all well; 1 it failed (server, token, network) or vectors do not match; 2 bad usage, key, "
    "device store or file; 3 frames or files came but could not be opened, or their content was not "
    "what was sent; 4 a device's identity has changed and is not accepted.";

constexpr const char* joinFooter =
    "Files play in a loop until the duration is over. Asked for a key frame, a file goes on at its next "
    "one.\n"
    "The report names for each remote stream: frames received, opened and failed (by reason), its layer over "
    "time, the "
    "longest gap between frames, and the latency when the frames are synthetic and the clocks shared.\n\n";

/// What was chosen on the command line.
using Action = std::function<ExitCode()>;

void declareVectors(CLI::App& app, Action& action) {
  auto file = std::make_shared<std::string>();
  CLI::App* vectors =
      app.add_subcommand("vectors", "Seal and open every entry of a file of known sealed frames");
  vectors->add_option("file", *file, "JSON in the form of tests/vectors/sotto-frames.json")->required();
  vectors->footer(footer);
  vectors->callback([file, &action] { action = [file] { return runVectors(*file); }; });
}

void declareJoin(CLI::App& app, Action& action) {
  auto options = std::make_shared<JoinOptions>();
  CLI::App* join = app.add_subcommand("join", "Join a room, send and receive sealed media, and report");
  declareJoinOptions(*join, *options);
  join->footer(std::string(joinFooter) + footer);
  join->callback([options, &action] { action = [options] { return runJoin(*options); }; });
}

void declareDevice(CLI::App& app, Action& action) {
  struct Options {
    DeviceOptions device;
    bool replace = false, json = false, local = false;
    std::string user;
  };
  CLI::App* device = app.add_subcommand("device", "This device's identity: make, show, remove");
  device->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, auto run) {
    auto options = std::make_shared<Options>();
    CLI::App* command = device->add_subcommand(name, what);
    declareDeviceOptions(*command, options->device);
    command->footer(footer);
    command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
    return std::pair(command, options);
  };
  const auto [init, initOptions] = add(
      "init", "Make a device with an identity of its own and register it",
      [](const Options& options) { return runDeviceInit(options.device, options.replace, options.json); });
  init->add_option("--device", initOptions->device.device, "The device's name; drawn where none is given")
      ->type_name("NAME");
  init->add_flag("--replace", initOptions->replace,
                 "Take the place of another identity that is registered under this name");
  init->add_flag("--json", initOptions->json, "Print JSON");
  const auto [show, showOptions] =
      add("show", "Print this device's names and keys, and what the directory has of it",
          [](const Options& options) { return runDeviceShow(options.device, options.json); });
  show->add_flag("--json", showOptions->json, "Print JSON");
  const auto [remove, removeOptions] =
      add("remove", "Take this device out of the directory and remove its store",
          [](const Options& options) { return runDeviceRemove(options.device, options.local); });
  remove->add_flag("--local", removeOptions->local, "Remove the store alone");
  const auto [reset, resetOptions] =
      add("reset", "Forget the sessions with a user's devices; the next message begins new ones",
          [](const Options& options) { return runDeviceReset(options.device, options.user); });
  reset->add_option("peer", resetOptions->user, "The other user")->required()->type_name("USER");
}

void declareSend(CLI::App& app, Action& action) {
  auto options = std::make_shared<SendOptions>();
  CLI::App* send = app.add_subcommand("send", "Send a text, a file or a reaction to a user's devices");
  send->add_option("to", options->to, "To whom")->required()->type_name("USER");
  declareDeviceOptions(*send, options->device);
  CLI::Option_group* what = send->add_option_group("What to send");
  what->add_option("--text", options->text, "A text of up to 16 KiB")->type_name("TEXT");
  what->add_option("--file", options->file, "A file of up to 100 MiB")->type_name("FILE");
  what->add_option("--react", options->reaction, "A reaction to a message")
      ->expected(2)
      ->type_name("MESSAGE-ID EMOJI");
  what->require_option(1);
  send->add_flag("--remove", options->removeReaction, "Take the reaction back");
  send->add_option("--group", options->group, "The conversation, which the server sees")
      ->capture_default_str()
      ->type_name("TEXT");
  send->add_option("--wait", options->waitSeconds, "For the devices to confirm")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("SECONDS");
  send->add_flag("--json", options->asJson, "Print JSON");
  send->footer(footer);
  send->callback([options, &action] { action = [options] { return runSend(*options); }; });
}

void declareReceive(CLI::App& app, Action& action) {
  auto options = std::make_shared<ReceiveOptions>();
  CLI::App* receive = app.add_subcommand("receive", "Print what other devices have sent, save their files");
  declareDeviceOptions(*receive, options->device);
  auto* wait = receive->add_option("--wait", options->waitSeconds, "Wait for more")
                   ->check(CLI::NonNegativeNumber)
                   ->type_name("SECONDS");
  receive->add_flag("--follow", options->follow, "Go on until interrupted")->excludes(wait);
  receive->add_option("--directory", options->directory, "Where files are saved")
      ->capture_default_str()
      ->type_name("DIR");
  receive->add_flag("--json", options->asJson, "Print a line of JSON for each message");
  receive->footer(footer);
  receive->callback([options, &action] { action = [options] { return runReceive(*options); }; });
}

void declareVerify(CLI::App& app, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verify = app.add_subcommand("verify", "Show the safety number with each device of a user");
  verify->add_option("peer", options->user, "The other user")->required()->type_name("USER");
  declareDeviceOptions(*verify, options->device);
  verify->add_flag("--accept", options->accept, "Accept identities that have changed");
  verify->add_flag("--mark", options->mark, "Remember them as verified");
  verify->add_flag("--json", options->asJson, "Print JSON");
  verify->footer(footer);
  verify->callback([options, &action] { action = [options] { return runVerify(*options); }; });
}

ExitCode run(int argc, char** argv) {
  CLI::App app{"Joins Sotto calls, sends and receives sealed messages, checks sealed frames", "sotto-client"};
  app.require_subcommand(1);
  app.footer(footer);
  std::string secretsFile;
  app.add_option("--log-secrets", secretsFile,
                 "Append every key of this process to FILE, for tests that look for keys where none may be")
      ->type_name("FILE")
      ->group("For tests");
  Action action;
  declareJoin(app, action);
  declareDevice(app, action);
  declareSend(app, action);
  declareReceive(app, action);
  declareVerify(app, action);
  declareVectors(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::Ok : ExitCode::BadInput;
  }
  if (!secretsFile.empty()) {
    if (const auto logging = logSecrets(secretsFile); !logging) {
      say(logging.error().message);
      return ExitCode::BadInput;
    }
  }
  return action();
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
