// Messages between devices as they are printed: JSON lines for programs, sentences for people.
#pragma once

#include <string>

#include "client/native/cli/Inbox.hpp"

namespace sotto::client::cli {

/// 32 hexadecimal digits.
std::string hexOf(const e2ee::MessageId& id);
std::optional<e2ee::MessageId> messageIdFromHex(const std::string& hex);

/// One line without its end. `savedAs`: where the file of a media message is now.
std::string messageJson(const InboxMessage& message, const std::string& savedAs);
std::string messageSentence(const InboxMessage& message, const std::string& savedAs);

/// A name for a received file in `directory`: the sender's name for it without folders or anything that a
/// shell or a terminal could trip over, numbered where there is such a file already.
std::string pathForFile(const std::string& directory, const std::string& name);

}  // namespace sotto::client::cli
