#include "server/Api.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <set>

namespace sotto::server {
namespace {

std::set<std::string> documentedRoutes(const YAML::Node& document) {
  std::set<std::string> found;
  for (const auto& path : document["paths"]) {
    for (const auto& operation : path.second) {
      std::string method = operation.first.as<std::string>();
      if (method == "parameters") continue;
      std::transform(method.begin(), method.end(), method.begin(), ::toupper);
      found.insert(method + " " + path.first.as<std::string>());
    }
  }
  return found;
}

/// The node that "#/a/b" names; undefined when there is none.
YAML::Node resolve(const YAML::Node& document, std::string reference) {
  YAML::Node node = YAML::Clone(document);
  reference = reference.substr(reference.find('/') + 1);
  while (!reference.empty() && node.IsDefined()) {
    const std::string name = reference.substr(0, reference.find('/'));
    reference = name.size() == reference.size() ? "" : reference.substr(name.size() + 1);
    node.reset(node[name]);
  }
  return node;
}

void collectReferences(const YAML::Node& node, std::set<std::string>& found) {
  if (node.IsMap()) {
    for (const auto& entry : node) {
      if (entry.first.as<std::string>() == "$ref") found.insert(entry.second.as<std::string>());
      collectReferences(entry.second, found);
    }
  } else if (node.IsSequence()) {
    for (const auto& entry : node) collectReferences(entry, found);
  }
}

}  // namespace

TEST_CASE("The OpenAPI file names every route of the API, and no other") {
  const YAML::Node document = YAML::LoadFile(std::string(SOTTO_SOURCE_DIR) + "/docs/openapi.yaml");
  std::set<std::string> served;
  for (const Api::Route& route : Api::routes()) {
    INFO(route.pattern);
    CHECK(served.insert(std::string(route.method) + " " + std::string(route.pattern)).second);
    CHECK((route.run != nullptr) != (route.open != nullptr));
  }
  CHECK(documentedRoutes(document) == served);
  CHECK(document["servers"][0]["url"].as<std::string>() == Api::prefix);
}

TEST_CASE(
    "The OpenAPI file is sound: operations have names and answers, parameters are described, references lead "
    "somewhere") {
  const YAML::Node document = YAML::LoadFile(std::string(SOTTO_SOURCE_DIR) + "/docs/openapi.yaml");
  CHECK(document["openapi"].as<std::string>().substr(0, 2) == "3.");
  std::set<std::string> names;
  for (const auto& path : document["paths"]) {
    const std::string pattern = path.first.as<std::string>();
    for (const auto& operation : path.second) {
      if (operation.first.as<std::string>() == "parameters") continue;
      INFO(operation.first.as<std::string>() << " " << pattern);
      CHECK(names.insert(operation.second["operationId"].as<std::string>()).second);
      CHECK_FALSE(operation.second["summary"].as<std::string>().empty());
      CHECK(operation.second["responses"].size() >= 2);
      CHECK(operation.second["responses"]["401"].IsDefined());
      const bool takesParameter = pattern.find('{') != std::string::npos;
      const bool described =
          operation.second["parameters"].IsDefined() || path.second["parameters"].IsDefined();
      CHECK((!takesParameter || described));
    }
  }
  std::set<std::string> references;
  collectReferences(document, references);
  CHECK(references.size() > 10);
  for (const std::string& reference : references) {
    INFO(reference);
    CHECK(resolve(document, reference).IsDefined());
  }
}

TEST_CASE("Escapes in paths and queries are decoded, broken ones refused") {
  CHECK(percentDecoded("a%20b%2Fc%c3%BC") == "a b/c\xc3\xbc");
  for (const char* text : {"%", "%4", "%zz", "a%"}) CHECK_FALSE(percentDecoded(text).has_value());
  CHECK(queryValue("/x?after=5", "after") == "5");
  CHECK(queryValue("/x?a=1&after=%35&b", "after") == "5");
  CHECK(queryValue("/x?after", "after") == "");
  CHECK_FALSE(queryValue("/x?before=5", "after").has_value());
  CHECK_FALSE(queryValue("/x", "after").has_value());
}

}  // namespace sotto::server
