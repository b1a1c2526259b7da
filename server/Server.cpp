#include "server/Server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "server/Addresses.hpp"
#include "server/Api.hpp"
#include "server/BlobService.hpp"
#include "server/DataDirectory.hpp"
#include "server/HttpServer.hpp"
#include "server/LocalMediaPlane.hpp"
#include "server/Log.hpp"
#include "server/Metrics.hpp"
#include "server/SignalingHost.hpp"
#include "server/SqliteStorage.hpp"

namespace sotto::server {

namespace asio = boost::asio;

namespace {

/// How long clients have to take their goodbye, and workers to end, before both are cut off.
constexpr std::chrono::seconds clientPatience{2};
constexpr std::chrono::seconds workerPatience{2};

size_t workerCount(const config::Media& media) {
  return media.workers.value_or(std::max(1u, std::thread::hardware_concurrency()));
}

SupervisorOptions supervisorOptions(const config::Media& media, std::string program) {
  SupervisorOptions options;
  options.program = std::move(program);
  options.address = media.address;
  options.firstPort = media.firstPort;
  options.workers = workerCount(media);
  return options;
}

std::string joined(const std::vector<base::SocketAddress>& addresses) {
  std::string out;
  for (const base::SocketAddress& address : addresses) out += (out.empty() ? "" : ", ") + address.ipString();
  return out;
}

/// Start-up alone: what cannot be opened ends the program with a sentence about it.
std::string openDataDirectory(const std::string& path) {
  auto prepared = prepareDataDirectory(path);
  if (!prepared) throw std::runtime_error(prepared.error().message);
  return *std::move(prepared);
}

std::unique_ptr<SqliteStorage> openStorage(asio::io_context& io, const std::string& directory) {
  auto opened = SqliteStorage::open(directory + "/sotto.db",
                                    [&io](std::function<void()> work) { asio::post(io, std::move(work)); });
  if (!opened) throw std::runtime_error("storage.directory: " + opened.error().message);
  return *std::move(opened);
}

std::unique_ptr<BlobStore> openBlobs(const std::string& directory, const config::Blobs& settings,
                                     base::Random& random) {
  BlobLimits limits{settings.maxBytes, settings.userBytes, settings.totalBytes, settings.userBlobs,
                    base::TimeDelta::seconds(int64_t{settings.keepDays} * 24 * 3600).ms()};
  auto opened = BlobStore::open(directory + "/blobs", limits, random);
  if (!opened) throw std::runtime_error("storage.directory: " + opened.error().message);
  return *std::move(opened);
}

}  // namespace

struct Server::Impl {
  Impl(config::Config settings, std::string workerProgram)
      : config(std::move(settings)),
        announced(
            announcedAddresses(config.media.announcedAddresses, config.media.address, interfaceAddresses())),
        media(io, supervisorOptions(config.media, std::move(workerProgram)), announced),
        dataDirectory(openDataDirectory(config.storage.directory)),
        storage(openStorage(io, dataDirectory)),
        signaling(io, signalingSettings(config, random), media, random, *storage),
        blobs(io, openBlobs(dataDirectory, config.blobs, random), [] { return currentTime().unixMs; }),
        api({signaling.service(), currentTime, &blobs, signalingSettings(config, random).limits,
             signaling::Rate{static_cast<double>(config.clients.messagesPerSecond),
                             static_cast<double>(config.clients.messageBurst)}}),
        routes(sources(), config.http.maxBodyBytes),
        http(io, config.http, config.clients, routes, signaling),
        signals(io, SIGINT, SIGTERM),
        deadline(io) {}

  Routes::Sources sources();
  std::string metricsText(const LocalMediaPlane::AllStatistics& workers) const;
  bool runOne();
  void startWorkers();
  void startListening();
  void waitForSignal();
  void stop(const std::string& reason);
  void stopWorkers();
  void fail(const std::string& why);

  asio::io_context io{1};
  config::Config config;
  base::SystemRandom random;
  std::vector<base::SocketAddress> announced;
  LocalMediaPlane media;
  std::string dataDirectory;
  std::unique_ptr<SqliteStorage> storage;
  SignalingHost signaling;
  BlobService blobs;
  Api api;
  Routes routes;
  HttpServer http;
  asio::signal_set signals;
  asio::steady_timer deadline;
  int exitCode = 0;
  uint64_t faults = 0;   ///< handlers that threw
  bool serving = false;  ///< start-up has succeeded
  bool stopping = false;
  bool over = false;
};

Server::Server(config::Config config, std::string workerProgram)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(workerProgram))) {}

Server::~Server() = default;

int Server::run() {
  // A peer that closes while we write is an error value of that write.
  std::signal(SIGPIPE, SIG_IGN);
  impl_->media.setListener(impl_->signaling.service());
  impl_->waitForSignal();
  impl_->startWorkers();
  while (!impl_->over && impl_->runOne()) impl_->signaling.arm();
  return impl_->exitCode;
}

/// One handler; false when none is left. Once the server serves, an error in one handler ends what that
/// handler was about (its connection goes with it) and not the calls of everybody else.
bool Server::Impl::runOne() {
  try {
    return io.run_one() != 0;
  } catch (const std::exception& error) {
    if (!serving) throw;
    ++faults;
    logError(fmt::format("an error in the program ended one handler: {}", error.what()));
    return true;
  }
}

Routes::Sources Server::Impl::sources() {
  Routes::Sources sources;
  sources.assets = embeddedAssets();
  sources.development = config.auth.development;
  sources.metrics = [this](std::function<void(std::string)> done) {
    media.statistics([this, done = std::move(done)](const LocalMediaPlane::AllStatistics& workers) {
      done(metricsText(workers));
    });
  };
  sources.workers = [this] { return std::pair(media.supervisor().readyWorkers(), media.workers()); };
  sources.api = &api;
  sources.origins = Origins(config.http.allowedOrigins);
  sources.token = [this](const TokenWish& wish) -> base::Expected<std::string> {
    const auto token =
        signaling.service().developmentToken({wish.room, wish.name, wish.user, wish.device}, currentTime());
    if (!token) return tl::make_unexpected(token.error());
    return fmt::format(R"({{"token":{},"user":{},"device":{}}})", jsonString(token->token),
                       jsonString(token->user), jsonString(token->device));
  };
  return sources;
}

std::string Server::Impl::metricsText(const LocalMediaPlane::AllStatistics& workers) const {
  Metrics metrics;
  metrics.add("workers", media.workers());
  metrics.add("workers_ready", media.supervisor().readyWorkers());
  metrics.add("worker_restarts_total", media.supervisor().restarts());
  metrics.add(R"(handler_faults_total{handler="other"})", faults);
  for (const control::Counter& counter : http.counters()) metrics.add(counter);
  for (const control::Counter& counter : signaling.service().counters()) metrics.add(counter);
  const SqliteStorage::Counters stored = storage->counters();
  metrics.add("storage_batches_total", stored.batches);
  metrics.add("storage_conflicts_total", stored.conflicts);
  metrics.add("storage_failures_total", stored.failures);
  metrics.add("storage_syncs_total", stored.syncs);
  metrics.add("storage_waiting", stored.waiting);
  for (const control::Counter& counter : blobs.counters()) metrics.add(counter);
  for (size_t worker = 0; worker < workers.size(); ++worker) {
    const std::string label = fmt::format("worker=\"{}\"", worker);
    metrics.add({"worker_load", media.load(worker)}, label);
    if (!workers[worker]) continue;
    for (const control::Counter& counter : workers[worker]->counters) metrics.add(counter, label);
  }
  return metrics.text();
}

void Server::Impl::startWorkers() {
  media.onFirstStart([this] { startListening(); },
                     [this](const std::string& reason) { fail("a media worker " + reason); });
  media.start();
}

void Server::Impl::startListening() {
  const auto port = http.listen();
  if (!port) return fail(port.error().message);
  serving = true;
  logInfo("media is announced at " + joined(announced));
  logInfo("keys, messages and files are kept in " + dataDirectory);
  if (config.auth.development) {
    logWarning(
        "DEVELOPMENT MODE: anybody who reaches this server gets a token for any room. Set auth.development "
        "to "
        "false and auth.secret before others can reach it");
  }
  if (embeddedAssets().empty())
    logWarning("built without the call page (run scripts/build-page and build again)");
  const bool everywhere = config.http.address == "*";
  const auto bound = base::SocketAddress::parse(everywhere ? "127.0.0.1" : config.http.address, *port);
  // Browsers give microphone and camera to http pages of "localhost" only, so this is the name to call.
  const bool local =
      everywhere || (bound && (bound->ipString() == "127.0.0.1" || bound->ipString() == "::1"));
  logInfo(fmt::format("Call page: {}://{}/", config.http.tls.enabled() ? "https" : "http",
                      local ? fmt::format("localhost:{}", *port) : bound->toString()));
}

void Server::Impl::waitForSignal() {
  signals.async_wait([this](boost::system::error_code error, int number) {
    if (error) return;
    if (stopping) {
      logWarning("second signal: ending at once");
      over = true;
      return;
    }
    stop(fmt::format("signal {}", number));
    waitForSignal();
  });
}

void Server::Impl::fail(const std::string& why) {
  if (stopping) return;
  logError("cannot start: " + why);
  exitCode = 1;
  stop("failed start");
}

void Server::Impl::stop(const std::string& reason) {
  if (stopping) return;
  stopping = true;
  logInfo(fmt::format("stopping ({})", reason));
  signaling.service().stop("the server is stopping");
  deadline.expires_after(clientPatience);
  deadline.async_wait([this](boost::system::error_code error) {
    if (error) return;
    logWarning("closing connections that do not end by themselves");
    http.abort();
  });
  http.stop([this] {
    deadline.cancel();
    stopWorkers();
  });
}

void Server::Impl::stopWorkers() {
  media.stop(workerPatience, [this] {
    logInfo("stopped");
    over = true;
  });
}

}  // namespace sotto::server
