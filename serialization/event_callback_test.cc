#include "lamina/serialization/event_callback.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/event.pb.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// 3 steps an epoch, 2 epochs, of a model with one weight and one bias.
class Training {
 public:
  explicit Training(EventCallbackOptions options)
      : events_(*EventWriter::create(::testing::TempDir() + "/events")),
        callback(events_, std::move(options)) {
    trainer_.add(callback);
  }
  ~Training() { std::filesystem::remove(events_.path()); }

  nn::train::FitResult fit() { return trainer_.fit(loader_, &loader_); }
  // Those behind the version.
  std::vector<proto::Event> events() const {
    std::ifstream in(events_.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::vector<proto::Event> events;
    for (size_t at = 0; at < bytes.size();) {
      const auto length = static_cast<unsigned char>(bytes[at]) +
                          256 * static_cast<size_t>(static_cast<unsigned char>(bytes[at + 1]));
      proto::Event event;
      EXPECT_TRUE(event.ParseFromString(bytes.substr(at + 12, length)));
      if (at > 0) events.push_back(event);
      at += length + 16;
    }
    return events;
  }
  int64_t size() const { return static_cast<int64_t>(std::filesystem::file_size(events_.path())); }

 private:
  nn::Linear model_{1, 1};
  nn::MSELoss loss_;
  nn::optim::SGD sgd_{model_.parameters(), {.lr = 0.125}};
  nn::data::DataLoader loader_{NDArray::ones({6, 1}), NDArray::zeros({6, 1}), {.batch_size = 2}};
  nn::train::Trainer trainer_{model_, loss_, sgd_, {.epochs = 2}};
  EventWriter events_;

 public:
  EventCallback callback;
};

std::vector<std::pair<std::string, int64_t>> tags(const std::vector<proto::Event>& events) {
  std::vector<std::pair<std::string, int64_t>> all;
  for (const proto::Event& event : events)
    all.emplace_back(event.summary().value(0).tag(), event.step());
  return all;
}

TEST(EventCallback, WritesRecordsAndParametersAtTheEndOfAnEpoch) {
  Training training({});
  const nn::train::FitResult result = training.fit();
  const std::vector<proto::Event> events = training.events();
  EXPECT_THAT(tags(events), ElementsAre(Pair("loss/train", 3), Pair("loss/val", 3), Pair("lr", 3),
                                        Pair("parameters/weight", 3), Pair("parameters/bias", 3),
                                        Pair("loss/train", 6), Pair("loss/val", 6), Pair("lr", 6),
                                        Pair("parameters/weight", 6), Pair("parameters/bias", 6)));
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.125f);
  EXPECT_EQ(events[5].summary().value(0).simple_value(),
            static_cast<float>(result.history[1][0].second));
  EXPECT_EQ(events[3].summary().value(0).histo().num(), 1);
}

TEST(EventCallback, WritesTheLossOfBatchesOnRequest) {
  Training training({.every_steps = 2, .histograms = false});
  training.fit();
  EXPECT_THAT(tags(training.events()),
              ElementsAre(Pair("loss/batch", 2), Pair("loss/train", 3), Pair("loss/val", 3),
                          Pair("lr", 3), Pair("loss/batch", 4), Pair("loss/batch", 6),
                          Pair("loss/train", 6), Pair("loss/val", 6), Pair("lr", 6)));
}

// A limit of the file's size stands in for a full disk.
TEST(EventCallback, WarnsOnceOfAFullDiskAndTrainingGoesOn) {
  std::vector<absl::Status> warnings;
  Training training({.warn = [&](const absl::Status& status) { warnings.push_back(status); }});
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small = old;
  small.rlim_cur = static_cast<rlim_t>(training.size()) + 100;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const nn::train::FitResult result = training.fit();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  EXPECT_EQ(result.history.size(), 2u);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(std::string(warnings[0].message()), HasSubstr(": cannot write: File too large"));
  EXPECT_EQ(training.callback.status(), warnings[0]);
  EXPECT_FALSE(training.events().empty());
}

TEST(EventCallback, RefusesANegativeNumber) {
  EXPECT_THROW(Training({.every_steps = -1}), ValueError);
}

}  // namespace
}  // namespace lamina
