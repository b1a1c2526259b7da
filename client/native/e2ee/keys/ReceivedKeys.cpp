// The media keys of everybody else; see the header.
#include "client/native/e2ee/keys/ReceivedKeys.hpp"

#include <algorithm>

namespace sotto::client::e2ee {

void ReceivedKeys::present(uint16_t sender, const DeviceId& device, base::Timestamp now) {
  const auto known = senders_.find(sender);
  if (known != senders_.end()) {
    if (known->second.device == device) return;
    gone(sender);
  }
  Sender& entry = senders_[sender];
  entry.device = device;
  for (Early& early : early_) {
    if (early.from != device || early.key.id.sender != sender || now >= early.until) continue;
    install(entry, std::move(early.key), now);
    early.until = base::Timestamp::minusInfinity();
  }
  std::erase_if(early_, [&](const Early& early) { return now >= early.until; });
}

void ReceivedKeys::gone(uint16_t sender) {
  const auto known = senders_.find(sender);
  if (known == senders_.end()) return;
  settle(sender, known->second);
  senders_.erase(known);
  out_.push_back(RemoveKeys{sender, std::nullopt});
}

void ReceivedKeys::clear() {
  while (!senders_.empty()) gone(senders_.begin()->first);
  early_.clear();
}

void ReceivedKeys::arrived(const DeviceId& from, MediaKey key, base::Timestamp now) {
  if (key.id.sender == 0 || key.secret.size() != MediaKey::secretSize) return;
  const auto sender = senders_.find(key.id.sender);
  if (sender == senders_.end()) return keepForLater(from, std::move(key), now);
  if (sender->second.device != from) return;  // somebody else's number
  install(sender->second, std::move(key), now);
}

void ReceivedKeys::keepForLater(const DeviceId& from, MediaKey key, base::Timestamp now) {
  std::erase_if(early_, [&](const Early& early) { return now >= early.until; });
  const auto own = [&](const Early& early) { return early.from == from; };
  if (static_cast<size_t>(std::count_if(early_.begin(), early_.end(), own)) >= maxEarlyOfDevice) {
    early_.erase(std::find_if(early_.begin(), early_.end(), own));
  }
  if (early_.size() >= maxEarly) return;
  early_.push_back({from, std::move(key), now + keepEarly});
}

void ReceivedKeys::install(Sender& sender, MediaKey key, base::Timestamp now) {
  const KeyId id = key.id;
  const auto known =
      std::find_if(sender.generations.begin(), sender.generations.end(),
                   [&](const Generation& generation) { return generation.number == id.generation; });
  if (known != sender.generations.end()) {
    known->firstStep = std::min(known->firstStep, id.step);
  } else {
    sender.generations.push_back({id.generation, id.step});
    if (sender.generations.size() > maxGenerations) {
      out_.push_back(RemoveKeys{id.sender, sender.generations.front().number});
      sender.generations.erase(sender.generations.begin());
    }
  }
  // Whether it was what we asked for, the next frame will tell.
  if (sender.want) sender.want->askAt = std::max(sender.want->askAt, now + firstAskInterval);
  out_.push_back(InstallKey{std::move(key)});
}

void ReceivedKeys::opened(KeyId key, base::Timestamp now) {
  const auto found = senders_.find(key.sender);
  if (found == senders_.end()) return;
  Sender& sender = found->second;
  if (sender.want) settle(key.sender, sender);
  const auto current =
      std::find_if(sender.generations.begin(), sender.generations.end(),
                   [&](const Generation& generation) { return generation.number == key.generation; });
  if (current == sender.generations.end()) return;
  for (auto older = sender.generations.begin(); older != current; ++older) {
    older->removeAt = std::min(older->removeAt, now + keepOld);
  }
}

void ReceivedKeys::unknown(KeyId key, base::Timestamp now) {
  const auto found = senders_.find(key.sender);
  if (found == senders_.end()) return;
  Sender& sender = found->second;
  const bool before =
      std::any_of(sender.generations.begin(), sender.generations.end(), [&](const Generation& generation) {
        return generation.number == key.generation && key.step < generation.firstStep;
      });
  if (before) return;  // sealed before we joined: nobody will give us that key
  const bool wasWaiting = waitingFor(key.sender);
  if (!sender.want || sender.want->key.generation != key.generation) {
    sender.want = {key, 0, std::max(now + patience, sender.mayAskAt), now};
  }
  sender.want->key = key;
  sender.want->lastSeen = now;
  if (!wasWaiting) out_.push_back(WaitingForKeys{key.sender, true});
}

bool ReceivedKeys::waitingFor(uint16_t sender) const {
  const auto found = senders_.find(sender);
  return found != senders_.end() && found->second.want.has_value();
}

void ReceivedKeys::settle(uint16_t number, Sender& sender) {
  if (!sender.want) return;
  sender.want.reset();
  out_.push_back(WaitingForKeys{number, false});
}

void ReceivedKeys::ask(uint16_t number, Sender& sender, base::Timestamp now) {
  Want& want = *sender.want;
  if (now - want.lastSeen >= wantExpires) return settle(number, sender);
  base::TimeDelta interval = firstAskInterval;
  for (unsigned i = 0; i < want.asked && interval < longestAskInterval; ++i) interval = interval * 2;
  want.askAt = now + interval;
  if (want.asked >= maxAsks) return;  // looked at again only to see whether it has settled itself
  ++want.asked;
  sender.mayAskAt = now + firstAskInterval;
  out_.push_back(AskForKey{sender.device, want.key});
}

void ReceivedKeys::onTime(base::Timestamp now) {
  for (auto& [number, sender] : senders_) {
    if (sender.want && now >= sender.want->askAt) ask(number, sender, now);
    std::erase_if(sender.generations, [&, sender = number](const Generation& generation) {
      if (now < generation.removeAt) return false;
      out_.push_back(RemoveKeys{sender, generation.number});
      return true;
    });
  }
  std::erase_if(early_, [&](const Early& early) { return now >= early.until; });
}

base::Timestamp ReceivedKeys::nextDeadline() const {
  base::Timestamp deadline = base::Timestamp::plusInfinity();
  for (const auto& [number, sender] : senders_) {
    if (sender.want) deadline = std::min(deadline, sender.want->askAt);
    for (const Generation& generation : sender.generations) {
      deadline = std::min(deadline, generation.removeAt);
    }
  }
  for (const Early& early : early_) deadline = std::min(deadline, early.until);
  return deadline;
}

}  // namespace sotto::client::e2ee
