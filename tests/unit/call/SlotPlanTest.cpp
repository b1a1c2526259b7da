#include "client/native/call/SlotPlan.hpp"

#include <catch2/catch.hpp>

namespace sotto::client::call {
namespace {

using control::SlotWish;

Participant person(const std::string& name, std::vector<TrackSource> sources = {TrackSource::Camera}) {
  Participant participant;
  participant.id = "p_" + name;
  participant.name = name;
  for (TrackSource source : sources) participant.tracks.push_back({source, false});
  return participant;
}

const std::vector<std::string> mids{"5", "6", "7"};

/// "5=p_a 6=- 7=auto"
std::string describe(const std::vector<SlotWish>& plan) {
  std::string text;
  for (const SlotWish& wish : plan) {
    if (!text.empty()) text += ' ';
    text += wish.mid + "=";
    if (wish.mode == SlotWish::Mode::None) text += "-";
    if (wish.mode == SlotWish::Mode::Auto) text += "auto";
    if (wish.mode == SlotWish::Mode::Participant) {
      text += wish.participant + (wish.source == TrackSource::Screen ? "/screen" : "");
    }
  }
  return text;
}

}  // namespace

TEST_CASE("Wants take slots in their order, by name or id, with their height and priority") {
  const std::vector<Participant> roster{person("a"), person("b"), person("c")};
  const std::vector<Want> wants{{"b", TrackSource::Camera, 720, 9}, {"p_a", TrackSource::Camera, 180, 1}};
  const auto plan = planSlots(mids, wants, false, 0, roster, {});
  CHECK(describe(plan) == "5=p_b 6=p_a 7=-");
  CHECK(plan[0].maxHeight == 720);
  CHECK(plan[0].priority == 9);
}

TEST_CASE("Everyone else takes what is left, screens first") {
  const std::vector<Participant> roster{person("a"), person("b", {TrackSource::Camera, TrackSource::Screen}),
                                        person("c", {TrackSource::Microphone})};
  const auto plan = planSlots(mids, {}, true, 360, roster, {});
  CHECK(describe(plan) == "5=p_b/screen 6=p_a 7=p_b");
  CHECK(plan[1].maxHeight == 360);
}

TEST_CASE("A picture stays in its slot for as long as it is wanted") {
  std::vector<Participant> roster{person("a"), person("b"), person("c")};
  const auto before = planSlots(mids, {}, true, 0, roster, {});
  roster.erase(roster.begin());
  const auto without = planSlots(mids, {}, true, 0, roster, before);
  CHECK(describe(without) == "5=- 6=p_b 7=p_c");
  roster.push_back(person("d"));
  CHECK(describe(planSlots(mids, {}, true, 0, roster, without)) == "5=p_d 6=p_b 7=p_c");
}

TEST_CASE("A wanted participant comes before those who are merely there") {
  const std::vector<Participant> roster{person("a"), person("b"), person("c"), person("d")};
  const auto before = planSlots(mids, {}, true, 0, roster, {});
  CHECK(describe(before) == "5=p_a 6=p_b 7=p_c");
  const std::vector<Want> wants{{"d", TrackSource::Camera, 0, 5}};
  CHECK(describe(planSlots(mids, wants, true, 0, roster, before)) == "5=p_a 6=p_b 7=p_d");
}

TEST_CASE("Who is absent or publishes no such track takes no slot") {
  const std::vector<Participant> roster{person("a", {TrackSource::Microphone})};
  const std::vector<Want> wants{{"a", TrackSource::Camera, 0, 0}, {"zoe", TrackSource::Camera, 0, 0}};
  CHECK(describe(planSlots(mids, wants, true, 0, roster, {})) == "5=- 6=- 7=-");
}

TEST_CASE("A want without a name is for the latest speaker, and each of them keeps a slot") {
  const std::vector<Want> wants{{"", TrackSource::Camera, 720, 2}, {"", TrackSource::Camera, 180, 1}};
  const auto plan = planSlots(mids, wants, false, 0, {}, {});
  CHECK(describe(plan) == "5=auto 6=auto 7=-");
  CHECK(describe(planSlots(mids, wants, false, 0, {}, plan)) == "5=auto 6=auto 7=-");
  CHECK(plan[0].maxHeight == 720);
}

TEST_CASE("More wants than slots fill the slots") {
  const std::vector<Participant> roster{person("a"), person("b"), person("c"), person("d"), person("e")};
  CHECK(describe(planSlots(mids, {}, true, 0, roster, {})) == "5=p_a 6=p_b 7=p_c");
  CHECK(planSlots({}, {}, true, 0, roster, {}).empty());
}

}  // namespace sotto::client::call
