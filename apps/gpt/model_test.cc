#include "lamina/apps/gpt/model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::gpt {
namespace {

using Ids = std::vector<int64_t>;

GptOptions options_of(int64_t vocabulary, int64_t layers, int64_t heads, int64_t width,
                      int64_t block, double dropout = 0) {
  GptOptions options;
  options.vocabulary = vocabulary;
  options.layers = layers;
  options.heads = heads;
  options.width = width;
  options.block = block;
  options.dropout = dropout;
  return options;
}

Tensor row(const Ids& ids) { return tensor(ids, {1, static_cast<int64_t>(ids.size())}); }

// Of a vocabulary of 20, with larger weights than at the start of training, so that tokens matter.
Gpt small_model(int64_t block) {
  manual_seed(4);
  Gpt model(options_of(20, 3, 2, 16, block));
  const NoGradGuard no_grad;
  for (const Tensor& parameter : model.parameters()) {
    if (parameter.dim() > 1) nn::init::normal_(parameter, 0, 0.3);
  }
  return model;
}

std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

Ids random_ids(int64_t count) { return randint(0, 20, {count}).to_vector<int64_t>(); }

// Each parameter is 0.5 sin(its number + element); the numbers are those of model_golden.py.
TEST(Gpt, GivesTheLogitsOfNumPy) {
  Gpt model(options_of(5, 2, 2, 4, 6));
  model.to(float64);
  int number = 0;
  for (const Tensor& parameter : model.parameters()) {
    parameter.set_data((sin(arange(parameter.numel(), float64) + number++) * 0.5)
                           .reshape(parameter.shape())
                           .data());
  }
  const Tensor y = model(tensor({{0, 3, 1, 4, 2}, {2, 2, 0, 1, 3}}).to(int64));
  EXPECT_EQ(y.shape(), (Shape{2, 5, 5}));
  EXPECT_CLOSE(y.data(),
               std::vector<double>{
                   0.57792792247952,  -0.02386301820288, -0.54673210323379, 0.73859892140311,
                   -0.41882884346998, 0.59003389765952,  -0.07717354182422, -0.48914591103381,
                   0.71662775066176,  -0.44769240447399, 0.63178733442754,  -0.02982855537557,
                   -0.5927928445459,  0.80477907803762,  -0.45928457658168, 0.61239122403735,
                   -0.03585869418362, -0.5655136106261,  0.77514742237822,  -0.44782672510669,
                   0.61728010333804,  -0.03511968004973, -0.57136859367548, 0.78206255288531,
                   -0.45101180394411, 0.56083141190298,  0.03524178718532,  -0.60690255066602,
                   0.75815417427207,  -0.3842227286221,  0.61211126136322,  -0.04050254279966,
                   -0.55916280390371, 0.7714889423914,   -0.4493948476182,  0.6076850669129,
                   -0.02725658963487, -0.57205287503024, 0.77509401475528,  -0.44121764159847,
                   0.61241832710664,  -0.05211481618477, -0.54428929280334, 0.7636572644753,
                   -0.45403010609754, 0.59883743569683,  -0.07301169580889, -0.503390177269,
                   0.73108725216346,  -0.45235086007371},
               1e-12);
}

// 75 128 + 64 128 embeddings; 4 blocks of 3 128 (128 + 1) + 128 (128 + 1) for attention,
// 512 (128 + 1) + 128 (512 + 1) for the linear maps and 4 128 for norms; 2 128 for the last one;
// 75 128 for the head.
TEST(Gpt, HasTheParametersOfItsParts) {
  EXPECT_EQ(Gpt(options_of(75, 4, 4, 128, 64)).parameter_count(), 820'736);
  EXPECT_EQ(parameters_by_size(options_of(75, 4, 4, 128, 64)), 820'736);
  // Embeddings (5 + 3) 4 and head 5 4; 2 blocks of 12 4^2 + 13 4; a norm of 8.
  EXPECT_EQ(Gpt(options_of(5, 2, 2, 4, 3)).parameter_count(), 52 + 2 * 244 + 8);
  EXPECT_EQ(parameters_by_size(options_of(5, 2, 2, 4, 3)), 52 + 2 * 244 + 8);
}

TEST(Gpt, StartsWithTheWeightsOfGpt2) {
  manual_seed(1);
  const Gpt model(options_of(75, 2, 4, 128, 64));
  for (const auto& [name, parameter] : model.named_parameters()) {
    const double mean_square = parameter.detach().square().mean().item<double>();
    if (parameter.dim() > 1) {
      // 0.02 / sqrt(2 layers) is 0.01. Eight thousand numbers or more show it within 4 %.
      const bool writes_to_sum =
          absl::StrContains(name, "out_proj") || absl::StrContains(name, "linear2");
      EXPECT_NEAR(std::sqrt(mean_square) / (writes_to_sum ? 0.01 : 0.02), 1, 0.04) << name;
    } else {
      EXPECT_EQ(mean_square, absl::EndsWith(name, "bias") ? 0 : 1) << name;
    }
  }
  const auto& layers = *model.blocks->layers;
  EXPECT_NE(layers[0].linear1->weight.to_vector<float>(),
            layers[1].linear1->weight.to_vector<float>());
}

// At first all tokens are about as likely: the loss is the logarithm of their number.
TEST(Gpt, KnowsNothingAtFirst) {
  manual_seed(1);
  Gpt model(options_of(75, 4, 4, 128, 64));
  const Tensor ids = randint(0, 75, {4, 65});
  const Tensor loss = nn::functional::cross_entropy(
      model(ids.narrow(1, 0, 64)), ids.narrow(1, 1, 64), {.weight = {}, .class_dim = 2});
  EXPECT_NEAR(loss.item<double>(), std::log(75.0), 0.05);
}

TEST(Gpt, LooksAtNoLaterToken) {
  Gpt model = small_model(8);
  const NoGradGuard no_grad;
  const Tensor a = model(row({1, 2, 3, 4, 5, 6})), b = model(row({1, 2, 3, 4, 9, 6}));
  EXPECT_CLOSE(a.narrow(1, 0, 4).contiguous().data(), b.narrow(1, 0, 4).to_vector<double>(), 0,
               1e-6);
  EXPECT_GT((a - b).abs().select(1, 4).max().item<double>(), 0.1);
  EXPECT_GT((a - b).abs().select(1, 5).max().item<double>(), 1e-3);  // which sees the fifth
}

TEST(Gpt, RefusesSizesThatDoNotFit) {
  EXPECT_THROWS(ValueError, "[Gpt] expected a vocabulary of at least 1, got 0",
                Gpt(options_of(0, 1, 1, 4, 8)));
  EXPECT_THROWS(ValueError, "[Gpt] expected layers of at least 1, got 0",
                Gpt(options_of(5, 0, 1, 4, 8)));
  EXPECT_THROWS(ValueError, "[Gpt] expected a block of at least 1, got 0",
                Gpt(options_of(5, 1, 1, 4, 0)));
  EXPECT_THROWS(ValueError, "expected heads that divide", Gpt(options_of(5, 1, 3, 4, 8)));
  EXPECT_THROWS(ValueError, "[Dropout] expected p in [0, 1], got 1.5",
                Gpt(options_of(5, 1, 1, 4, 8, 1.5)));
}

TEST(Gpt, RefusesIdsThatDoNotFit) {
  Gpt model(options_of(5, 1, 1, 4, 3));
  EXPECT_THROWS(ShapeError, "[Gpt] expected ids (batch, time) with time up to 3, got (1, 4)",
                model(row({0, 1, 2, 3})));
  EXPECT_THROWS(ShapeError, "got (3,)", model(arange(3)));
  EXPECT_THROWS(IndexError, "5", model(row({0, 5})));
  const NoGradGuard no_grad;
  Gpt::Cache cache;
  model.forward_cached(row({0, 1}), &cache);
  EXPECT_THROWS(ShapeError, "with time up to 1, got (1, 2)",
                model.forward_cached(row({0, 1}), &cache));
}

// ---- Continuation

// The logits of each step are those of the model on the whole window, computed anew.
TEST(Continuation, GivesTheLogitsOfTheWholeWindow) {
  constexpr int64_t kBlock = 8;
  Gpt model = small_model(kBlock);
  Continuation text(model), uncached(model, false);
  Ids all;
  double largest = 0;
  for (const int64_t count : {3, 1, 1, 2, 1, 1, 1, 1, 1, 1, 5, 1, 20, 1, 1, 1, 1, 1, 1}) {
    const Ids more = random_ids(count);
    all.insert(all.end(), more.begin(), more.end());
    const Tensor logits = text.append(more);
    ASSERT_EQ(logits.shape(), (Shape{20}));
    const auto size = static_cast<int64_t>(text.window().size());
    EXPECT_EQ(text.window(), Ids(all.end() - size, all.end()));
    const NoGradGuard no_grad;
    const std::vector<double> expected =
        model(row(text.window())).select(0, 0).select(0, size - 1).to_vector<double>();
    EXPECT_CLOSE(logits.contiguous().data(), expected, 0, 2e-6);
    EXPECT_CLOSE(uncached.append(more).contiguous().data(), expected, 0, 1e-6);
    EXPECT_EQ(uncached.window(), text.window());
    for (const double each : expected) largest = std::max(largest, std::abs(each));
  }
  EXPECT_GT(largest, 1);  // so the bounds above are those of float32
}

TEST(Continuation, KeepsHalfABlockWhenItIsFull) {
  Gpt model = small_model(5);
  Continuation text(model);
  text.append(Ids{1, 2, 3, 4});
  EXPECT_EQ(text.window(), (Ids{1, 2, 3, 4}));
  text.append(Ids{5});
  EXPECT_EQ(text.window(), (Ids{1, 2, 3, 4, 5}));
  text.append(Ids{6});
  EXPECT_EQ(text.window(), (Ids{5, 6}));
  text.append(Ids{7, 8, 9});
  EXPECT_EQ(text.window(), (Ids{5, 6, 7, 8, 9}));
  text.append(Ids{10, 11, 12, 13, 14, 15, 16});
  EXPECT_EQ(text.window(), (Ids{15, 16}));
}

TEST(Continuation, OfABlockOfOneSeesOneToken) {
  Gpt model = small_model(1);
  Continuation text(model);
  for (const int64_t id : {3, 4, 5}) {
    const Tensor logits = text.append(Ids{id});
    EXPECT_EQ(text.window(), Ids{id});
    const NoGradGuard no_grad;
    EXPECT_CLOSE(logits.contiguous().data(), model(row({id})).to_vector<double>(), 0, 1e-6);
  }
}

TEST(Continuation, StaysAsItWasAfterAnError) {
  Gpt model = small_model(8);
  Continuation text(model), other(model);
  text.append(Ids{1, 2});
  EXPECT_THROWS(ValueError, "[Continuation] expected at least one token, got none",
                text.append(Ids{}));
  EXPECT_THROWS(IndexError, "20", text.append(Ids{3, 20}));
  EXPECT_EQ(text.window(), (Ids{1, 2}));
  other.append(Ids{1, 2});
  EXPECT_EQ(values(text.append(Ids{3})), values(other.append(Ids{3})));
}

TEST(Continuation, SwitchesDropoutOffMeanwhile) {
  manual_seed(1);
  Gpt model(options_of(20, 1, 1, 8, 8, 0.5));
  Continuation a(model), b(model);
  EXPECT_EQ(values(a.append(Ids{1, 2, 3})), values(b.append(Ids{1, 2, 3})));
  EXPECT_TRUE(model.is_training());
}

}  // namespace
}  // namespace lamina::apps::gpt
