#include "lamina/nn/train/epoch.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/child.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/sequential.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Gives its input times 1 and notes how it was called.
class Probe : public Layer {
 public:
  Tensor forward(const Tensor& x) override {
    training.push_back(is_training());
    recording.push_back(is_grad_enabled());
    if (static_cast<int64_t>(training.size()) == throw_at) throw std::runtime_error("probe");
    return x * scale;
  }
  Parameter scale{this, "scale", ones({}, float64)};
  std::vector<bool> training, recording;
  int64_t throw_at = -1;  // the call that fails, counted from 1
};

class Net : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return b(a(x)); }
  Child<Probe> a{this, "a"}, b{this, "b"};
};

// Three samples with the probabilities 3/4 and 1/4: loss log(4/3) and right for class 0, log(4) and
// wrong for class 1.
data::DataLoader three_samples(int64_t batch_size) {
  const double l = std::log(3.0);
  return data::DataLoader(tensor({l, 0., l, 0., l, 0.}, {3, 2}),
                          tensor({int64_t{0}, int64_t{1}, int64_t{1}}, {3}),
                          {.batch_size = batch_size});
}
const double kLoss = (std::log(4.0 / 3) + 2 * std::log(4.0)) / 3, kError = 2.0 / 3;

TEST(Epoch, AveragesOverSamplesNotOverBatches) {
  Net net;
  CrossEntropyLoss loss;
  for (const int64_t batch_size : {1, 2, 3, 100}) {
    data::DataLoader loader = three_samples(batch_size);
    const EpochResult result = epoch(net, loader, loss);
    EXPECT_NEAR(result.loss, kLoss, 1e-15) << batch_size;
    EXPECT_DOUBLE_EQ(result.error, kError) << batch_size;
  }
}

TEST(Epoch, WithAnOptimizerReportsTheLossBeforeEachStep) {
  Probe net;
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.5});
  data::DataLoader loader = three_samples(2);
  // The step by hand: d(loss) / d(scale) = log(3) (p - mean(labels == 0)), with p = 3^s / (3^s +
  // 1).
  const double l = std::log(3.0);
  const auto loss_of_0 = [&](double s) { return std::log(1 + std::exp(-s * l)); };
  const auto loss_of_1 = [&](double s) { return std::log(1 + std::exp(s * l)); };
  const double after = 1 - 0.5 * l * (0.75 - 0.5);
  const EpochResult result = epoch(net, loader, loss, &sgd);
  EXPECT_NEAR(result.loss, (loss_of_0(1) + loss_of_1(1) + loss_of_1(after)) / 3, 1e-15);
  const double p = 1 / (1 + std::exp(-after * l));
  EXPECT_NEAR(net.scale.item<double>(), after - 0.5 * l * p, 1e-15);
}

TEST(Epoch, WithoutAnOptimizerChangesNothing) {
  Net net;
  net.b->eval();
  CrossEntropyLoss loss;
  net.a->scale.get().set_grad(full({}, 5, float64));
  const uint32_t version = net.a->scale.data().version();
  data::DataLoader loader = three_samples(2);
  epoch(net, loader, loss);
  EXPECT_EQ(net.a->scale.item<double>(), 1);
  EXPECT_EQ(net.a->scale.data().version(), version);
  EXPECT_EQ(net.a->scale.grad().item<double>(), 5);
  EXPECT_FALSE(net.b->scale.grad().defined());
  EXPECT_TRUE(net.is_training() && net.a->is_training());
  EXPECT_FALSE(net.b->is_training());
}

TEST(Epoch, WithoutAnOptimizerLeavesTheOrderOfTheNextPass) {
  // Else a look at the training error would change the training after it.
  const auto first_label = [](data::DataLoader& loader) {
    return (*loader.begin()).y.item<int64_t>();
  };
  const auto loader = [] {
    return data::DataLoader(zeros({50, 100}), arange(50), {.batch_size = 1, .shuffle = true});
  };
  data::DataLoader evaluated = loader(), untouched = loader();
  Linear net(100, 50);
  CrossEntropyLoss loss;
  for (int pass = 0; pass < 3; ++pass) {
    epoch(net, evaluated, loss);
    EXPECT_EQ(first_label(evaluated), first_label(untouched));
  }
  optim::SGD sgd(net.parameters());
  epoch(net, evaluated, loss, &sgd);
  untouched.begin();  // training is a pass
  EXPECT_EQ(first_label(evaluated), first_label(untouched));
}

TEST(Epoch, WithoutAnOptimizerSeesAllOfALoaderThatWasResumedInMidPass) {
  data::DataLoader left = three_samples(1), resumed = three_samples(1);
  *left.begin();
  resumed.load_state_dict(left.state_dict());
  Net net;
  CrossEntropyLoss loss;
  EXPECT_NEAR(epoch(net, resumed, loss).loss, kLoss, 1e-15);
  optim::SGD sgd(net.parameters(), {.lr = 0});
  EXPECT_NEAR(epoch(net, resumed, loss, &sgd).loss, std::log(4.0), 1e-15);  // the last two
}

TEST(Epoch, WithoutAnOptimizerRunsInEvalModeAndRecordsNothing) {
  Net net;
  CrossEntropyLoss loss;
  data::DataLoader loader = three_samples(2);
  epoch(net, loader, loss);
  EXPECT_THAT(net.b->training, ElementsAre(false, false));
  EXPECT_THAT(net.b->recording, ElementsAre(false, false));
  EXPECT_TRUE(is_grad_enabled());
}

TEST(Epoch, WithAnOptimizerRunsInTrainingModeAndRecords) {
  Net net;
  net.eval();
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  data::DataLoader loader = three_samples(2);
  {
    const NoGradGuard no_grad;  // the caller's, who may have forgotten it
    epoch(net, loader, loss, &sgd);
    EXPECT_FALSE(is_grad_enabled());
  }
  EXPECT_THAT(net.b->training, ElementsAre(true, true));
  EXPECT_THAT(net.b->recording, ElementsAre(true, true));
  EXPECT_NE(net.b->scale.item<double>(), 1);
}

TEST(Epoch, PutsTheModeOfEachModuleBack) {
  CrossEntropyLoss loss;
  for (const bool with_optimizer : {false, true}) {
    for (int modes = 0; modes < 8; ++modes) {
      Net net;
      optim::SGD sgd(net.parameters(), {.lr = 0.1});
      data::DataLoader loader = three_samples(2);
      net.train((modes & 1) != 0);
      net.a->train((modes & 2) != 0);
      net.b->train((modes & 4) != 0);
      epoch(net, loader, loss, with_optimizer ? &sgd : nullptr);
      EXPECT_EQ(net.is_training() + 2 * net.a->is_training() + 4 * net.b->is_training(), modes);
    }
  }
}

TEST(Epoch, PutsModesBackAfterAnException) {
  CrossEntropyLoss loss;
  for (const bool with_optimizer : {false, true}) {
    Net net;
    optim::SGD sgd(net.parameters(), {.lr = 0.1});
    data::DataLoader loader = three_samples(2);
    net.train(!with_optimizer);
    net.a->train(with_optimizer);
    net.b->throw_at = 2;
    EXPECT_THROW(epoch(net, loader, loss, with_optimizer ? &sgd : nullptr), std::runtime_error);
    EXPECT_EQ(net.is_training(), !with_optimizer);
    EXPECT_EQ(net.a->is_training(), with_optimizer);
    EXPECT_EQ(net.b->is_training(), !with_optimizer);
    EXPECT_TRUE(is_grad_enabled());
  }
}

TEST(Epoch, OfNoSamplesIsNan) {
  Net net;
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  data::DataLoader loader(zeros({0, 2}, float64), zeros(0, int64));
  for (optim::Optimizer* optimizer :
       {static_cast<optim::Optimizer*>(nullptr), static_cast<optim::Optimizer*>(&sgd)}) {
    const EpochResult result = epoch(net, loader, loss, optimizer);
    EXPECT_TRUE(std::isnan(result.loss) && std::isnan(result.error));
  }
  EXPECT_THAT(net.a->training, IsEmpty());
  EXPECT_EQ(net.a->scale.item<double>(), 1);
}

TEST(Epoch, TellsItsProgressAfterEachBatch) {
  Net net;
  CrossEntropyLoss loss;
  data::DataLoader loader = three_samples(2);
  std::vector<int64_t> seen;
  std::vector<size_t> forwards;
  epoch(net, loader, loss, nullptr, [&](int64_t samples) {
    seen.push_back(samples);
    forwards.push_back(net.a->training.size());
  });
  EXPECT_THAT(seen, ElementsAre(2, 3));
  EXPECT_THAT(forwards, ElementsAre(1, 2));
}

TEST(Epoch, MayBeBrokenOffByItsProgressCallback) {
  Net net;
  CrossEntropyLoss loss;
  data::DataLoader loader = three_samples(1);
  EXPECT_THROW(epoch(net, loader, loss, nullptr, [](int64_t) { throw std::runtime_error("stop"); }),
               std::runtime_error);
  EXPECT_EQ(net.a->training.size(), 1u);
  EXPECT_TRUE(net.is_training());
}

TEST(Epoch, ClearsGradientsLeftOverFromBefore) {
  Probe net, fresh;
  CrossEntropyLoss loss;
  data::DataLoader loader = three_samples(3);
  net.scale.get().set_grad(full({}, 1000, float64));
  for (Probe* probe : {&net, &fresh}) {
    optim::SGD sgd(probe->parameters(), {.lr = 0.1});
    epoch(*probe, loader, loss, &sgd);
  }
  EXPECT_EQ(net.scale.item<double>(), fresh.scale.item<double>());
}

class SquaredError : public Loss {
 public:
  Tensor forward(const Tensor& y, const Tensor& t) override { return ((y - t) * (y - t)).mean(); }
};

TEST(Epoch, AveragesTheMetricThatItIsGivenOverSamples) {
  // A regression; the outputs are the inputs, and batches of 2 and 1 weigh as such.
  Probe net;
  SquaredError loss;
  optim::SGD sgd(net.parameters(), {.lr = 0});
  data::DataLoader loader(tensor({1., 2., 6.}, {3, 1}), zeros({3, 1}, float64), {.batch_size = 2});
  std::vector<bool> recording;
  Average absolute("absolute", [&](const Tensor& y, const Tensor& t) {
    recording.push_back((y - t).requires_grad());
    return std::abs((y - t).mean().item<double>());
  });
  for (optim::Optimizer* optimizer :
       {static_cast<optim::Optimizer*>(nullptr), static_cast<optim::Optimizer*>(&sgd)}) {
    const EpochResult result = epoch(net, loader, loss, optimizer, nullptr, &absolute);
    EXPECT_DOUBLE_EQ(result.error, 3);
    EXPECT_DOUBLE_EQ(result.loss, 41. / 3);
  }
  EXPECT_THAT(recording, ElementsAre(false, false, false, false));
}

// ---- Misuse

TEST(Epoch, OfAModelThatIsMovedAwayThrowsAndPutsItsModesBack) {
  Net net;
  net.a->eval();
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  data::DataLoader loader = three_samples(2);
  std::optional<Net> taken;
  const auto take = [&](int64_t) { taken.emplace(std::move(net)); };
  EXPECT_THROWS(RuntimeError, "expected a live module, got one that was moved from",
                epoch(net, loader, loss, &sgd, take));
  EXPECT_TRUE(taken->is_training() && taken->b->is_training());
  EXPECT_FALSE(taken->a->is_training());
}

TEST(Epoch, RefusesTargetsThatAreNoClasses) {
  // A regression: 4 by 1 outputs compared with 4 by 1 targets would broadcast to 16 "errors" of 4
  // samples.
  Probe net;
  SquaredError loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  data::DataLoader column(ones({4, 1}, float64), zeros({4, 1}, float64));
  EXPECT_THROWS(ShapeError,
                "[epoch] expected outputs (n, classes) and labels (n), got (4, 1) and (4, 1)",
                epoch(net, column, loss, &sgd));
  EXPECT_EQ(net.scale.item<double>(), 1);  // before the step
  data::DataLoader floating(ones({1, 1}, float64), zeros(1, float64));
  EXPECT_THROWS(DTypeError, "[epoch] expected labels of dtype int64, got float64",
                epoch(net, floating, loss));
  EXPECT_TRUE(net.is_training());
}

TEST(Epoch, OfAMovedFromModelThrows) {
  Net net;
  const Net moved = std::move(net);
  CrossEntropyLoss loss;
  data::DataLoader loader = three_samples(3);
  EXPECT_THROWS(RuntimeError, "[Module] expected a live module", epoch(net, loader, loss));
}

// ---- Whole runs

TEST(Epoch, TrainingReachesAKnownSolution) {
  // One constant input, labels 0, 0, 0, 1: the best model predicts the frequencies 3/4 and 1/4, so
  // its loss is their entropy, its error 1/4, and its two outputs differ by log(3).
  Linear model(1, 2, {.dtype = float64});
  CrossEntropyLoss loss;
  data::DataLoader loader(ones({4, 1}, float64),
                          tensor({int64_t{0}, int64_t{0}, int64_t{0}, int64_t{1}}, {4}));
  optim::SGD sgd(model.parameters(), {.lr = 1});
  for (int i = 0; i < 200; ++i) epoch(model, loader, loss, &sgd);
  const EpochResult result = epoch(model, loader, loss);
  EXPECT_NEAR(result.loss, -0.75 * std::log(0.75) - 0.25 * std::log(0.25), 1e-12);
  EXPECT_EQ(result.error, 0.25);
  const std::vector<double> y = model(ones({1, 1}, float64)).to_vector<double>();
  EXPECT_NEAR(y[0] - y[1], std::log(3.0), 1e-6);
}

struct Trained {
  std::vector<double> results;
  std::vector<float> parameters;
};

// Large enough that every kernel splits its work.
Trained train_a_network(int threads) {
  set_num_threads(threads);
  manual_seed(1);
  const Tensor x = randn({600, 300}), y = x.narrow(1, 0, 10).argmax(1);
  data::DataLoader loader(x, y, {.batch_size = 256, .shuffle = true});
  Sequential model{Linear(300, 400), ReLU(), Linear(400, 10)};
  CrossEntropyLoss loss;
  optim::SGD sgd(model.parameters(), {.lr = 0.2});
  Trained run;
  for (int i = 0; i < 3; ++i) {
    const EpochResult trained = epoch(model, loader, loss, &sgd),
                      tested = epoch(model, loader, loss);
    run.results.insert(run.results.end(), {trained.loss, trained.error, tested.loss, tested.error});
  }
  for (const Tensor& p : model.parameters()) {
    for (const float v : p.to_vector<float>()) run.parameters.push_back(v);
  }
  return run;
}

TEST(Epoch, GivesTheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  const Trained one = train_a_network(1), again = train_a_network(1), two = train_a_network(2),
                three = train_a_network(3);
  set_num_threads(before);
  EXPECT_LT(one.results[8], one.results[0]);  // it learns
  for (const Trained* other : {&again, &two, &three}) {
    EXPECT_EQ(other->results, one.results);
    EXPECT_TRUE(other->parameters == one.parameters);
  }
}

}  // namespace
}  // namespace lamina::nn::train
