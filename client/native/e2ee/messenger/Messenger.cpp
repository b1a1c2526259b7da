// The sending half of the messenger; see the header.
#include "client/native/e2ee/messenger/Messenger.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/content/OneTimeKey.hpp"

namespace sotto::client::e2ee {

namespace {

EnvelopeType envelopeType(signal::CiphertextMessage::Type type) {
  return type == signal::CiphertextMessage::Type::PreKey ? EnvelopeType::PreKey : EnvelopeType::Signal;
}

bool isKeyTraffic(uint32_t purpose) {
  return purpose <= static_cast<uint32_t>(Purpose::KeyRequest);
}

}  // namespace

const char* toString(Undelivered why) {
  switch (why) {
    case Undelivered::OutOfReach:
      return "out of reach";
    case Undelivered::MailboxFull:
      return "mailbox full";
    case Undelivered::NoKeys:
      return "no keys registered";
    case Undelivered::IdentityChanged:
      return "identity changed";
    case Undelivered::BadKeys:
      return "keys without a good signature";
  }
  return "unknown";
}

Messenger::Messenger(signal::DeviceStore& store, signal::DeviceStorage& storage, DirectoryClient& directory,
                     MessageTransport& transport, base::Random& random, MessengerObserver& observer)
    : store_(store),
      storage_(storage),
      directory_(directory),
      transport_(transport),
      random_(random),
      observer_(observer),
      savedRevision_(store.revision()),
      log_(store) {
  for (const MessageLog::Sent& entry : log_.entries()) {
    outbox_.add(entry.to, entry.id, {entry.job, 0, entry.state != MessageLog::State::Sent});
  }
}

Messenger::~Messenger() = default;

MessageId Messenger::drawId() {
  MessageId id{};
  random_.fill(id);
  return id;
}

// ---- to whom, and with which session ----------------------------------------------------------------

void Messenger::send(const Body& body, const std::vector<DeviceId>& to, uint64_t token, bool store,
                     base::Timestamp now) {
  now_ = now;
  auto job = std::make_shared<Job>();
  job->serial = ++lastSerial_;
  job->token = token;
  job->purpose = static_cast<uint32_t>(body.purpose());
  job->group = body.group;
  job->body = encodeBody(body);
  job->store = store;
  for (const DeviceId& device : to) {
    if (device != store_.self()) deliver(job, device, /*resend=*/false, now);
  }
  settle(now);
}

void Messenger::deliver(const JobPointer& job, const DeviceId& to, bool resend, base::Timestamp due) {
  if (changed_.count(to) > 0) {
    std::vector<Waiting>& held = heldOut_[to];
    if (!isKeyTraffic(job->purpose) && held.size() < maxHeld) held.push_back({job, resend});
    observer_.onUndelivered(to, job->token, Undelivered::IdentityChanged);
    return;
  }
  // What waits for a session goes first, also when the device has begun one itself meanwhile.
  if (!store_.hasSession(to) || waiting_.count(to) > 0) {
    waiting_[to].push_back({job, resend});
    return;  // fetched in settle(), so that devices of one user are asked for together
  }
  // Nothing overtakes what waits to be sealed.
  for (const Ready& ready : ready_) {
    if (std::find(ready.to.begin(), ready.to.end(), to) != ready.to.end()) due = std::max(due, ready.due);
  }
  const auto same = std::find_if(ready_.begin(), ready_.end(), [&](const Ready& ready) {
    return ready.job == job && ready.resend == resend;
  });
  if (same == ready_.end()) {
    ready_.push_back({job, {to}, due, resend});
  } else {
    same->to.push_back(to);
    same->due = std::max(same->due, due);
  }
}

void Messenger::fetch(const std::string& user) {
  std::set<std::string>& inFlight = fetching_[user];
  std::vector<std::string> devices;
  for (const auto& [device, jobs] : waiting_) {
    if (device.user == user && inFlight.insert(device.device).second) devices.push_back(device.device);
  }
  if (devices.empty()) return;
  directory_.fetchBundles(
      user, devices,
      [this, user, asked = std::set<std::string>(devices.begin(), devices.end()),
       alive = std::weak_ptr(alive_)](DirectoryResult<std::vector<DeviceBundle>> bundles) {
        if (alive.expired()) return;
        answers_.push_back({user, asked, std::move(bundles)});
        if (!working_) observer_.onMessengerWork();
      });
}

void Messenger::onBundles(const Answer& answer) {
  std::set<std::string>& inFlight = fetching_[answer.user];
  for (const std::string& device : answer.asked) inFlight.erase(device);
  std::set<std::string> missing = answer.asked;
  if (answer.bundles) {
    for (const DeviceBundle& bundle : *answer.bundles) {
      if (missing.erase(bundle.device) > 0) begin({answer.user, bundle.device}, bundle.bundle);
    }
  }
  const bool never = answer.bundles || answer.bundles.error().code == "unknown_user" ||
                     answer.bundles.error().code == "unknown_device";
  for (const std::string& device : missing) {
    giveUp({answer.user, device}, never ? Undelivered::NoKeys : Undelivered::OutOfReach);
  }
}

void Messenger::begin(const DeviceId& device, const signal::PreKeyBundle& bundle) {
  // The device may have begun a session with us meanwhile: then there is one, and the bundle is not needed.
  if (!store_.hasSession(device)) {
    const auto begun = store_.begin(device, bundle, random_);
    if (!begun) {
      if (begun.error() != signal::SignalError::UntrustedIdentity)
        return giveUp(device, Undelivered::BadKeys);
      identityChanged(device, bundle.identityKey);
    } else {
      ++sessions_[device];
      ++counters_.sessionsBegun;
    }
  }
  const auto waiting = waiting_.extract(device);
  if (waiting.empty()) return;
  for (const Waiting& job : waiting.mapped()) deliver(job.job, device, job.resend, now_ + gatherSessions);
}

void Messenger::giveUp(const DeviceId& device, Undelivered why) {
  const auto waiting = waiting_.extract(device);
  if (waiting.empty()) return;
  for (const Waiting& job : waiting.mapped()) {
    if (why == Undelivered::OutOfReach) {
      log_.failed(device, job.job);
    } else {
      log_.giveUp(device, job.job);
    }
    observer_.onUndelivered(device, job.job->token, why);
  }
}

// ---- sealing ----------------------------------------------------------------------------------------

void Messenger::sealReady(base::Timestamp now) {
  std::vector<Ready> due;
  std::erase_if(ready_, [&](Ready& ready) {
    if (now < ready.due) return false;
    due.push_back(std::move(ready));
    return true;
  });
  for (const Ready& ready : due) seal(ready);
}

void Messenger::seal(const Ready& ready) {
  std::span<const DeviceId> rest = ready.to;
  while (!rest.empty()) {
    const size_t count = std::min(rest.size(), maxRecipients);
    sealFor(ready.job, rest.first(count), ready.resend);
    rest = rest.subspan(count);
  }
}

void Messenger::sealFor(const JobPointer& pointer, std::span<const DeviceId> to, bool resend) {
  const Job& job = *pointer;
  Sealed sealed;
  sealed.job = pointer;
  sealed.message.id = drawId();
  sealed.message.purpose = job.purpose;
  sealed.message.group = job.group;
  sealed.message.store = job.store;
  SecretBytes plaintext;
  if (!job.content.empty()) {
    plaintext = job.content.clone();
  } else if (to.size() == 1) {
    plaintext = encodeInline(job.body.view());
  } else {
    SharedBody shared =
        sealShared(job.body.view(),
                   {static_cast<Purpose>(job.purpose), job.group, store_.self(), sealed.message.id}, random_);
    sealed.message.shared = std::move(shared.sealed);
    plaintext = encodeContent(std::move(shared.key));
  }
  for (const DeviceId& device : to) {
    auto cipher = store_.encrypt(device, plaintext.view());
    if (!cipher) {
      observer_.onUndelivered(device, job.token, Undelivered::OutOfReach);
      continue;
    }
    sealed.ciphers.emplace_back(device, std::move(*cipher));
    outbox_.add(device, sealed.message.id, {pointer, sessions_[device], resend});
    log_.sent(device, sealed.message.id, pointer, resend);
  }
  if (!sealed.ciphers.empty()) sealed_.push_back(std::move(sealed));
}

void Messenger::sealReceipts(base::Timestamp now) {
  if (now < receiptsDue_) return;
  receiptsDue_ = base::Timestamp::plusInfinity();
  for (const bool store : {false, true}) {
    Sealed sealed;
    sealed.message.id = drawId();
    sealed.message.group = groupReceipt;
    sealed.message.store = store;
    for (const auto& [device, receipt] : receipts_) {
      if (receipt.store != store) continue;
      auto job = std::make_shared<Job>();
      job->serial = ++lastSerial_;
      job->group = groupReceipt;
      job->content = encodeContent(Receipt{receipt.messages});
      job->store = store;
      auto cipher = store_.encrypt(device, job->content.view());
      if (!cipher) continue;
      sealed.ciphers.emplace_back(device, std::move(*cipher));
      outbox_.add(device, sealed.message.id, {std::move(job), sessions_[device], false});
    }
    if (!sealed.ciphers.empty()) sealed_.push_back(std::move(sealed));
  }
  receipts_.clear();
}

// ---- letting out ------------------------------------------------------------------------------------

void Messenger::settle(base::Timestamp now) {
  now_ = now;
  // Whoever is told something may come back with more: the outermost call settles that, too.
  if (working_) return;
  working_ = true;
  for (bool more = true; more;) {
    for (const Answer& answer : std::exchange(answers_, {})) onBundles(answer);
    std::set<std::string> users;
    for (const auto& [device, jobs] : waiting_) users.insert(device.user);
    for (const std::string& user : users) fetch(user);
    sealReady(now);
    sealReceipts(now);
    auto sealed = std::exchange(sealed_, {});
    const auto errors = std::exchange(errors_, {});
    more = !sealed.empty() || !errors.empty() || !answers_.empty();
    if (!save(std::move(sealed), now)) break;
    for (const OutgoingMessage& error : errors) {
      ++counters_.sent;
      transport_.send(error, [](const SendOutcome&) {});
    }
  }
  working_ = false;
}

bool Messenger::save(std::vector<Sealed> sealed, base::Timestamp now) {
  const bool behind = store_.revision() != savedRevision_ || log_.changed() || acknowledge_ > 0;
  if (sealed.empty() && now < saveDue_) {
    // Nothing hangs on it yet: what comes in within a moment is stored together.
    if (behind && saveDue_ == base::Timestamp::plusInfinity()) saveDue_ = now + gatherReceipts;
    return true;
  }
  saveDue_ = base::Timestamp::plusInfinity();
  log_.write();
  const auto receipt = storage_.save(store_);
  if (!receipt) {
    observer_.onMessengerWarning("the device's state could not be stored: " + receipt.error().message);
    // What was not stored is not acknowledged: the server keeps it.
    acknowledge_ = 0;
    for (const Sealed& each : sealed) {
      if (!each.job) continue;
      for (const auto& [device, cipher] : each.ciphers) {
        log_.failed(device, each.job);
        observer_.onUndelivered(device, each.job->token, Undelivered::OutOfReach);
      }
    }
    return false;
  }
  savedRevision_ = store_.revision();
  for (Sealed& each : sealed) release(std::move(each), *receipt);
  if (acknowledge_ > 0) transport_.acknowledge(std::exchange(acknowledge_, 0));
  return true;
}

void Messenger::release(Sealed sealed, const signal::StoreReceipt& receipt) {
  std::vector<DeviceId> recipients;
  for (auto& [device, pending] : sealed.ciphers) {
    auto cipher = std::move(pending).release(receipt);
    if (!cipher) continue;
    counters_.sentBytes += cipher->body.size();
    sealed.message.recipients.push_back({device, envelopeType(cipher->type), std::move(cipher->body)});
    recipients.push_back(device);
  }
  counters_.sentBytes += sealed.message.shared.size();
  counters_.envelopes += recipients.size();
  ++counters_.sent;
  transport_.send(std::move(sealed.message), [this, job = sealed.job, recipients = std::move(recipients),
                                              alive = std::weak_ptr(alive_)](const SendOutcome& outcome) {
    if (!alive.expired()) onOutcome(job, recipients, outcome);
  });
}

void Messenger::onOutcome(const JobPointer& job, const std::vector<DeviceId>& recipients,
                          const SendOutcome& outcome) {
  if (!job || job->purpose == purposeReceipt) return;
  if (outcome.error) {
    for (const DeviceId& device : recipients) {
      log_.failed(device, job);
      observer_.onUndelivered(device, job->token, Undelivered::OutOfReach);
    }
  }
  for (const DeviceId& device : outcome.unknown) {
    log_.giveUp(device, job);
    observer_.onUndelivered(device, job->token, job->store ? Undelivered::NoKeys : Undelivered::OutOfReach);
  }
  for (const DeviceId& device : outcome.full) {
    log_.failed(device, job);
    observer_.onUndelivered(device, job->token, Undelivered::MailboxFull);
  }
  // What the log has learned is stored with the next deadline.
  if (log_.changed()) saveDue_ = std::min(saveDue_, now_ + gatherReceipts);
}

// ---- identities and time ----------------------------------------------------------------------------

void Messenger::identityChanged(const DeviceId& device, const signal::PublicKey& now) {
  const auto [known, fresh] = changed_.insert_or_assign(device, now);
  (void)known;
  if (fresh) observer_.onIdentityChanged(device, now);
}

const signal::PublicKey* Messenger::changedIdentity(const DeviceId& device) const {
  const auto found = changed_.find(device);
  return found == changed_.end() ? nullptr : &found->second;
}

void Messenger::acceptIdentity(const DeviceId& device, base::Timestamp now) {
  now_ = now;
  const auto changed = changed_.extract(device);
  if (changed.empty()) return;
  store_.pin(device, changed.mapped());
  for (IncomingMessage& message : log_.takeHeld(device)) open(message, now);
  if (const auto out = heldOut_.extract(device); !out.empty()) {
    for (const Waiting& job : out.mapped()) deliver(job.job, device, job.resend, now);
  }
  settle(now);
}

void Messenger::resume(base::Timestamp now) {
  now_ = now;
  // What still waits for a yes goes back to where it was.
  for (IncomingMessage& message : log_.takeHeld()) open(message, now);
  for (const auto& [device, job] : log_.takeWaiting()) deliver(job, device, /*resend=*/true, now);
  settle(now);
}

bool Messenger::resting() const {
  return waiting_.empty() && nextDeadline() == base::Timestamp::plusInfinity();
}

void Messenger::onTime(base::Timestamp now) {
  if (now >= nextDeadline()) settle(now);
}

base::Timestamp Messenger::nextDeadline() const {
  if (!answers_.empty()) return base::Timestamp::minusInfinity();
  base::Timestamp deadline = std::min(receiptsDue_, saveDue_);
  for (const Ready& ready : ready_) deadline = std::min(deadline, ready.due);
  return deadline;
}

}  // namespace sotto::client::e2ee
