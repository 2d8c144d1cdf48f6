// Training that goes on from a checkpoint of the model and its optimizer.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using nn::optim::Optimizer;
using Maker = std::function<std::unique_ptr<Optimizer>(const Tensor& p)>;

template <class O, class Options>
Maker maker(const Options& options) {
  return
      [options](const Tensor& p) { return std::make_unique<O>(nn::optim::Parameters{p}, options); };
}

void train(Optimizer& optimizer, const Tensor& p, int steps) {
  for (int i = 0; i < steps; ++i) {
    optimizer.step([&] {
      optimizer.zero_grad();
      Tensor loss = (p * p + cos(p * 3)).sum();
      loss.backward();
      return loss;
    });
  }
}

// Saves after half of the steps, and goes on with another model and optimizer.
void expect_same_from_a_file(const Maker& make, DType dtype) {
  const std::string path = test::new_folder() + "/optimizer.ckpt";
  const Tensor p = Tensor(test::noise({4, 6}, dtype)).requires_grad_();
  const auto unbroken = make(p);
  train(*unbroken, p, 5);
  nn::StateDict state = unbroken->state_dict();
  state.set("p", p);
  ASSERT_EQ(save_checkpoint(path, state.arrays()), absl::OkStatus());
  train(*unbroken, p, 5);

  const absl::StatusOr<NamedArrays> arrays = load_checkpoint(path);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  nn::StateDict loaded(*arrays);
  const Tensor q = Tensor(loaded.at("p").data().clone()).requires_grad_();
  loaded.erase("p");
  const auto resumed = make(q);
  resumed->load_state_dict(loaded);
  train(*resumed, q, 5);
  EXPECT_EQ(test::elements(q.data()), test::elements(p.data())) << dtype;
}

TEST(OptimizerState, GoesThroughAFileBitForBit) {
  using namespace nn::optim;
  const std::vector<Maker> makers = {
      maker<SGD>(SGDOptions{.lr = 0.01, .momentum = 0.9}),
      maker<Adam>(AdamOptions{.lr = 0.01, .amsgrad = true}),
      maker<AdamW>(AdamWOptions{.lr = 0.01}),
      maker<RMSprop>(RMSpropOptions{.momentum = 0.5, .centered = true}),
      maker<Adagrad>(AdagradOptions{.lr_decay = 0.1}),
      maker<Adadelta>(AdadeltaOptions{}),
      maker<NAdam>(NAdamOptions{}),
      maker<Lion>(LionOptions{.lr = 0.01}),
      maker<Muon>(MuonOptions{.lr = 0.01}),
      maker<LBFGS>(LBFGSOptions{.max_iter = 2, .history_size = 3, .strong_wolfe = true}),
  };
  for (const Maker& make : makers) {
    for (const DType dtype : {bfloat16, float32, float64}) expect_same_from_a_file(make, dtype);
  }
}

}  // namespace
}  // namespace lamina
