#include "media/control/Codec.hpp"

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>

#include "media/control/Fields.hpp"

namespace sotto::control {
namespace {

using Json = nlohmann::json;
using detail::alternatives;
using detail::fields;
using detail::words;

class Encoder {
 public:
  explicit Encoder(Json& object) : object_(object) {}
  template <typename T>
  void operator()(const char* name, const T& value) {
    object_[name] = toJson(value);
  }

 private:
  template <typename T>
  static Json toJson(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return words<T>[static_cast<size_t>(value)];
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else {
      Json object = Json::object();
      Encoder inner(object);
      fields(inner, value);
      return object;
    }
  }
  template <typename T>
  static Json toJson(const std::optional<T>& value) {
    return value ? toJson(*value) : Json(nullptr);
  }
  template <typename T>
  static Json toJson(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(toJson(value));
    return list;
  }
  Json& object_;
};

/// Reads an object's members; stops at the first fault and keeps it.
class Decoder {
 public:
  Decoder(const Json& object, std::string path, std::string& error)
      : object_(object), path_(std::move(path)), error_(error) {}

  template <typename T>
  void operator()(const char* name, T& value) {
    if (!error_.empty()) return;
    const auto member = object_.find(name);
    const std::string path = path_.empty() ? name : path_ + "." + name;
    if (member == object_.end()) {
      error_ = path + " is missing";
      return;
    }
    read(*member, path, value);
  }

 private:
  void expected(const std::string& path, const std::string& what) { error_ = path + ": expected " + what; }

  void read(const Json& json, const std::string& path, std::string& value) {
    if (!json.is_string()) return expected(path, "text");
    value = json.get_ref<const std::string&>();
  }
  void read(const Json& json, const std::string& path, bool& value) {
    if (!json.is_boolean()) return expected(path, "true or false");
    value = json.get<bool>();
  }
  template <typename T>
  void read(const Json& json, const std::string& path, T& value) {
    if constexpr (std::is_enum_v<T>) {
      readWord(json, path, value);
    } else if constexpr (std::is_unsigned_v<T>) {
      if (!json.is_number_unsigned() || json.get<uint64_t>() > std::numeric_limits<T>::max()) {
        return expected(path, "a whole number from 0 to " + std::to_string(std::numeric_limits<T>::max()));
      }
      value = static_cast<T>(json.get<uint64_t>());
    } else {
      if (!json.is_object()) return expected(path, "an object");
      Decoder inner(json, path, error_);
      fields(inner, value);
    }
  }
  template <typename T>
  void read(const Json& json, const std::string& path, std::optional<T>& value) {
    if (json.is_null()) {
      value.reset();
    } else {
      read(json, path, value.emplace());
    }
  }
  template <typename T>
  void read(const Json& json, const std::string& path, std::vector<T>& values) {
    if (!json.is_array()) return expected(path, "a list");
    values.clear();
    values.reserve(json.size());
    for (size_t i = 0; i < json.size() && error_.empty(); ++i) {
      read(json[i], path + "[" + std::to_string(i) + "]", values.emplace_back());
    }
  }
  template <typename T>
  void readWord(const Json& json, const std::string& path, T& value) {
    std::string known;
    for (size_t i = 0; i < words<T>.size(); ++i) {
      if (json.is_string() && json.get_ref<const std::string&>() == words<T>[i]) {
        value = static_cast<T>(i);
        return;
      }
      known += (i == 0 ? "" : ", ") + std::string(words<T>[i]);
    }
    expected(path, "one of " + known);
  }

  const Json& object_;
  std::string path_;
  std::string& error_;
};

std::string dump(const Json& json) {
  // Text that is not UTF-8 (it came from a peer) must not stop the message: bad bytes become U+FFFD.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Variant>
Json encodeVariant(const char* key, const Variant& message) {
  Json object = Json::object();
  object[key] = alternatives<Variant>[message.index()];
  Encoder encoder(object);
  std::visit([&encoder](const auto& alternative) { fields(encoder, alternative); }, message);
  return object;
}

template <typename Variant, size_t Index = 0>
base::Expected<Variant> decodeVariant(const Json& object, const char* key) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return base::fail(std::string(key) + ": expected the name of a known " + key);
  } else {
    const Json& name = object[key];
    if (!name.is_string() || name.get_ref<const std::string&>() != alternatives<Variant>[Index]) {
      return decodeVariant<Variant, Index + 1>(object, key);
    }
    std::variant_alternative_t<Index, Variant> message;
    std::string error;
    Decoder decoder(object, "", error);
    fields(decoder, message);
    if (!error.empty()) return base::fail(std::string(alternatives<Variant>[Index]) + ": " + error);
    return Variant(std::move(message));
  }
}

base::Expected<Json> parseObject(std::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return base::fail("not a JSON object");
  return json;
}

}  // namespace

std::string encode(const Request& request) {
  Json object = encodeVariant("request", request.body);
  object["id"] = request.id;
  return dump(object);
}

std::string encode(const Reply& reply) {
  Json object = Json::object();
  Encoder encoder(object);
  fields(encoder, reply);
  return dump(object);
}

std::string encode(const Event& event) {
  return dump(encodeVariant("event", event));
}

base::Expected<Request> decodeRequest(std::string_view text) {
  const auto object = parseObject(text);
  if (!object) return tl::make_unexpected(object.error());
  if (!object->contains("request")) return base::fail("request is missing");
  std::string error;
  Request request;
  Decoder decoder(*object, "", error);
  decoder("id", request.id);
  if (!error.empty()) return base::fail(std::move(error));
  auto body = decodeVariant<RequestBody>(*object, "request");
  if (!body) return tl::make_unexpected(body.error());
  request.body = *std::move(body);
  return request;
}

base::Expected<WorkerMessage> decodeWorkerMessage(std::string_view text) {
  const auto object = parseObject(text);
  if (!object) return tl::make_unexpected(object.error());
  if (object->contains("event")) {
    auto event = decodeVariant<Event>(*object, "event");
    if (!event) return tl::make_unexpected(event.error());
    return WorkerMessage(*std::move(event));
  }
  if (!object->contains("reply")) return base::fail("neither a reply nor an event");
  Reply reply;
  std::string error;
  Decoder decoder(*object, "", error);
  fields(decoder, reply);
  if (!error.empty()) return base::fail("reply: " + error);
  return WorkerMessage(std::move(reply));
}

}  // namespace sotto::control
