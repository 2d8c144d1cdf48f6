// Clownpiece-torch, week 3, parts 1 and 2: the examples of the module system. What is expected is what the
// course prints or says.
#include <cmath>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization.h"
#include "lamina/tensor/test_util.h"

namespace lamina::courses {
namespace {

class SimpleNet : public nn::Layer {
 public:
  SimpleNet(int64_t input_size, int64_t hidden_size, int64_t output_size)
      : layer1(this, "layer1", input_size, hidden_size),
        layer2(this, "layer2", hidden_size, output_size) {}

  Tensor forward(const Tensor& x) override { return layer2(activation(layer1(x))); }

  nn::Child<nn::Linear> layer1;
  nn::Child<nn::ReLU> activation{this, "activation"};
  nn::Child<nn::Linear> layer2;
};

constexpr char kSimpleNet[] = R"(SimpleNet(
  (layer1): Linear(in_features=784, out_features=128, bias=True)
  (activation): ReLU()
  (layer2): Linear(in_features=128, out_features=10, bias=True)
))";

using NamedShapes = std::vector<std::pair<std::string, Shape>>;
const NamedShapes kSimpleNetShapes = {{"layer1.weight", {128, 784}},
                                      {"layer1.bias", {128}},
                                      {"layer2.weight", {10, 128}},
                                      {"layer2.bias", {10}}};

TEST(SimpleNet, PrintsWhatTheCourseShows) {
  SimpleNet model(784, 128, 10);
  EXPECT_EQ(model.str(), kSimpleNet);
  NamedShapes shapes;
  for (const auto& [name, param] : model.named_parameters())
    shapes.emplace_back(name, param.shape());
  EXPECT_EQ(shapes, kSimpleNetShapes);
  EXPECT_EQ(model(zeros({5, 784})).shape(), (Shape{5, 10}));
}

// "y = x @ W.transpose() + b"
class CourseLinear : public nn::Layer {
 public:
  CourseLinear(int64_t in_features, int64_t out_features, bool with_bias = true)
      : weight(this, "weight", empty({out_features, in_features})),
        bias(this, "bias", with_bias ? empty(out_features) : Tensor()) {
    reset_parameters();
  }
  void reset_parameters() {
    const double bound = std::sqrt(1 / static_cast<double>(weight.size(1)));
    nn::init::uniform_(weight, -bound, bound);
    if (bias.defined()) nn::init::uniform_(bias, -bound, bound);
  }
  std::string name() const override { return "Linear"; }
  std::string extra_repr() const override {
    return "in_features=" + std::to_string(weight.size(1)) +
           ", out_features=" + std::to_string(weight.size(0)) +
           ", bias=" + (bias.defined() ? "True" : "False");
  }
  Tensor forward(const Tensor& x) override {
    const Tensor y = matmul(x, weight.transpose(0, 1));
    return bias.defined() ? y + bias : y;
  }

  nn::Parameter weight;  // (output_channel, input_channel)
  nn::Parameter bias;
};

TEST(Linear, IsWhatTheCourseWrites) {
  CourseLinear linear(3, 2);
  linear.weight.set_data(NDArray::from({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}));
  linear.bias.set_data(NDArray::from({10.f, 20.f}));
  const Tensor x = tensor({{{1.f, 0.f, 0.f}, {1.f, 1.f, 1.f}}});  // (1, 2, 3)
  const Tensor y = linear(x);
  EXPECT_EQ(y.shape(), (Shape{1, 2, 2}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{11, 24, 16, 35}));

  nn::Linear ours(3, 2);
  ours.load_state_dict(linear.state_dict());
  EXPECT_EQ(ours(x).to_vector<float>(), y.to_vector<float>());
  EXPECT_TRUE(ours.buffers().empty());  // "there are no buffers in Linear"
  EXPECT_EQ(linear.str(), "Linear(in_features=3, out_features=2, bias=True)");
  EXPECT_EQ(nn::Linear(784, 128).str(), "Linear(in_features=784, out_features=128, bias=True)");
}

TEST(Linear, WithoutBiasIsTheProductAlone) {
  nn::Linear linear(3, 2, {.bias = false});
  linear.weight.set_data(NDArray::from({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}));
  EXPECT_EQ(linear(ones({1, 3})).to_vector<float>(), (std::vector<float>{6, 15}));
  EXPECT_EQ(linear.extra_repr(), "in_features=3, out_features=2, bias=False");
}

TEST(Linear, StartsWithinTheBoundOfTheCourse) {
  manual_seed(0);
  nn::Linear linear(100, 50);
  for (const Tensor& parameter : linear.parameters()) {
    EXPECT_LE(parameter.abs().max().item<float>(), 0.1f);  // sqrt(1 / 100)
    EXPECT_GT(parameter.abs().max().item<float>(), 0.08f);
  }
  const std::vector<float> before = linear.weight.to_vector<float>();
  linear.reset_parameters();
  EXPECT_NE(linear.weight.to_vector<float>(), before);
  // "or equivalently": gain sqrt(2 / (1 + 5)) times sqrt(3 / fan_in) is sqrt(1 / fan_in).
  const double gain = nn::init::calculate_gain("leaky_relu", std::sqrt(5.0));
  EXPECT_NEAR(gain * std::sqrt(3.0 / 100), 0.1, 1e-12);
  nn::init::kaiming_uniform_(linear.weight, {.a = std::sqrt(5.0)});
  EXPECT_LE(linear.weight.abs().max().item<float>(), 0.1f);
  EXPECT_GT(linear.weight.abs().max().item<float>(), 0.099f);
}

// "class A(Module): a: Parameter, b: B; class B(Module): c: Parameter"
struct B : nn::Module {
  nn::Parameter c{this, "c", ones(3)};
};
struct A : nn::Module {
  nn::Parameter a{this, "a", ones(2)};
  nn::Child<B> b{this, "b"};
};

TEST(Module, JoinsTheNamesOfParametersWithDots) {
  const A module;
  const nn::Named<Tensor> all = module.named_parameters();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].first, "a");
  EXPECT_EQ(all[1].first, "b.c");
  EXPECT_EQ(module.parameters().size(), 2u);
  EXPECT_EQ(module.parameters(/*recursive=*/false).size(), 1u);
  EXPECT_EQ(module.named_parameters(false)[0].first, "a");
}

TEST(Module, ParametersRequireAGradientAndBuffersDoNot) {
  struct Both : nn::Module {
    nn::Parameter parameter{this, "parameter", zeros(2)};
    nn::Buffer buffer{this, "buffer", zeros(2)};
  };
  const Both both;
  EXPECT_TRUE(both.parameter.requires_grad());
  EXPECT_FALSE(both.buffer.requires_grad());
  EXPECT_EQ(both.buffers().size(), 1u);
  EXPECT_EQ(both.named_buffers()[0].first, "buffer");
  both.buffer.fill_(1);  // not learnable is not constant
  EXPECT_EQ(both.get_buffer("buffer").to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(Module, TrainAndEvalReachEveryModuleBelow) {
  SimpleNet model(2, 3, 1);
  EXPECT_TRUE(model.is_training());
  model.eval();
  for (const nn::Module* module : model.modules()) EXPECT_FALSE(module->is_training());
  model.train();
  for (const nn::Module* module : model.modules()) EXPECT_TRUE(module->is_training());
  model.train(false);
  EXPECT_FALSE(model.layer1->is_training());
}

TEST(Module, DropoutIsDisabledDuringInferencing) {
  nn::Dropout dropout(0.5);
  const Tensor x = ones(1000);
  EXPECT_NE(dropout(x).to_vector<float>(), x.to_vector<float>());
  dropout.eval();
  EXPECT_EQ(dropout(x).to_vector<float>(), x.to_vector<float>());
}

TEST(Module, AnAssignmentToAMemberReplacesWhatIsRegistered) {
  SimpleNet model(2, 3, 1);
  model.layer1->weight = ones({3, 2});
  EXPECT_EQ(model.get_parameter("layer1.weight").to_vector<float>(), std::vector<float>(6, 1));
  model.layer1 = nn::Linear(5, 3);
  EXPECT_EQ(model.get_parameter("layer1.weight").shape(), (Shape{3, 5}));
}

TEST(Module, RegistersPlaceholders) {
  nn::Linear linear(3, 2, {.bias = false});
  EXPECT_FALSE(linear.bias.defined());
  nn::Module module;
  module.register_parameter("scale", ones(2));
  module.register_parameter("bias", Tensor());
  module.register_buffer("mean", zeros(2));
  module.register_buffer("variance", Tensor());
  EXPECT_EQ(module.parameters().size(), 1u);  // those without a value are passed over
  EXPECT_EQ(module.buffers().size(), 1u);
  A parent;
  const std::shared_ptr<B> child = parent.register_module("child", B());
  parent.register_module("later", nullptr);
  EXPECT_EQ(parent.named_children().size(), 2u);
  EXPECT_EQ(parent.named_modules()[0].first, "");
  EXPECT_EQ(&parent.get_submodule("child"), child.get());
  parent.replace_module("later", B());
  EXPECT_EQ(parent.children().size(), 3u);
}

TEST(Module, ANameThatIsNotThereIsAnError) {
  // __getattr__ of a name that nothing registered
  EXPECT_THROWS(IndexError, "weight", SimpleNet(2, 3, 1).get_parameter("layer1.weights"));
}

// ---- State

TEST(StateDict, HasTheEntriesOfTheCourse) {
  const SimpleNet model(784, 128, 10);
  NamedShapes shapes;
  for (const auto& [name, value] : model.state_dict()) shapes.emplace_back(name, value->shape());
  EXPECT_EQ(shapes, kSimpleNetShapes);
}

TEST(StateDict, SharesMemoryWithTheModelAndIsCopiedOnLoad) {
  SimpleNet model(2, 3, 1), other(2, 3, 1);
  const nn::StateDict state = model.state_dict();
  other.load_state_dict(state);
  nn::init::constant_(model.layer2->bias, 7);
  EXPECT_EQ(state.at("layer2.bias").item<float>(), 7);  // "a shallow reference"
  EXPECT_NE(other.layer2->bias.item<float>(), 7);       // "copying data"
  EXPECT_EQ(other.layer1->weight.to_vector<float>(), model.layer1->weight.to_vector<float>());
}

// "So, you should be able to pickle the state dict to files."
TEST(StateDict, GoesToAFileAndBack) {
  SimpleNet model(2, 3, 1), other(2, 3, 1);
  const std::string path = ::testing::TempDir() + "/model.ckpt";
  ASSERT_TRUE(save_model(path, model).ok());
  ASSERT_TRUE(load_model(path, other).ok());
  EXPECT_EQ(other.layer1->weight.to_vector<float>(), model.layer1->weight.to_vector<float>());
}

TEST(StateDict, StrictLoadsRaiseRuntimeError) {
  SimpleNet model(2, 3, 1);
  const nn::StateDict whole = model.state_dict();
  {  // 1. all keys are used
    nn::StateDict state = whole.clone();
    state.set("layer3.weight", ones(1));
    EXPECT_THROWS(RuntimeError, "layer3.weight", model.load_state_dict(state));
    EXPECT_EQ(model.load_state_dict(state, /*strict=*/false).unexpected_keys,
              std::vector<std::string>{"layer3.weight"});
  }
  {  // 2. shapes match; here they always have to
    nn::StateDict state = whole.clone();
    state.set("layer1.weight", ones({3, 4}));
    EXPECT_THROWS(RuntimeError, "layer1.weight", model.load_state_dict(state));
    EXPECT_THROWS(RuntimeError, "layer1.weight", model.load_state_dict(state, false));
  }
  {  // 3. all keys are there
    nn::StateDict state = whole.clone();
    state.erase("layer1.bias");
    EXPECT_THROWS(RuntimeError, "layer1.bias", model.load_state_dict(state));
    EXPECT_EQ(model.load_state_dict(state, false).missing_keys,
              std::vector<std::string>{"layer1.bias"});
  }
}

TEST(StateDict, HasDisabledWeightsWithoutAValue) {
  nn::Linear linear(3, 2, {.bias = false});
  const nn::StateDict state = linear.state_dict();
  ASSERT_TRUE(state.contains("bias"));
  EXPECT_FALSE(state.find("bias")->has_value());
  linear.load_state_dict(state);
  EXPECT_THROWS(RuntimeError, "bias", nn::Linear(3, 2).load_state_dict(state));
}

// ---- The text of a model

class WithText : public nn::Module {
 public:
  std::string name() const override { return "ModuleClassName"; }
  std::string extra_repr() const override { return "extra_repr"; }
};
class WithChildren : public nn::Module {
 public:
  std::string name() const override { return "ModuleClassName"; }

 private:
  nn::Child<nn::ReLU> child1{this, "Child1Name"};
  nn::Child<SimpleNet> child2{this, "Child2Name", 784, 128, 10};
};

TEST(Repr, HasTheThreeForms) {
  EXPECT_EQ(nn::Module().str(), "Module()");
  EXPECT_EQ(WithText().str(), "ModuleClassName(extra_repr)");
  EXPECT_EQ(WithChildren().str(), R"(ModuleClassName(
  (Child1Name): ReLU()
  (Child2Name): SimpleNet(
    (layer1): Linear(in_features=784, out_features=128, bias=True)
    (activation): ReLU()
    (layer2): Linear(in_features=128, out_features=10, bias=True)
  )
))");
}

// ---- Forward

TEST(Forward, IsAbstractUntilASubclassHasIt) {
  static_assert(std::is_abstract_v<nn::Layer>);
  EXPECT_EQ(nn::Tanh().forward(zeros(2)).to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST(Forward, HooksRunBeforeAndAfterACallButNotForward) {
  nn::Tanh tanh;
  std::vector<std::string> calls;
  const HookHandle before = tanh.register_forward_pre_hook(
      [&](nn::Module&, std::vector<Tensor>&) { calls.emplace_back("before"); });
  HookHandle after = tanh.register_forward_hook(
      [&](nn::Module& module, absl::Span<const Tensor>, std::vector<Tensor>&) {
        calls.push_back("after " + module.name());
      });
  tanh(zeros(2));
  EXPECT_EQ(calls, (std::vector<std::string>{"before", "after Tanh"}));
  tanh.forward(zeros(2));
  after.remove();
  tanh(zeros(2));
  EXPECT_EQ(calls, (std::vector<std::string>{"before", "after Tanh", "before"}));
}

// ---- "Unfolding a GPT-like model"

class Block : public nn::Layer {
 public:
  explicit Block(int64_t dim)
      : attention(this, "attention", dim, 2),
        norm(this, "norm", dim),
        feed_forward(
            this, "feed_forward",
            nn::Sequential{nn::Linear(dim, 4 * dim), nn::GELU(), nn::Linear(4 * dim, dim)}) {}
  Tensor forward(const Tensor& x) override {
    const Tensor y = x + attention(norm(x));
    return y + feed_forward(y);
  }

 private:
  nn::Child<nn::MultiheadAttention> attention;
  nn::Child<nn::LayerNorm> norm;
  nn::Child<nn::Sequential> feed_forward;
};

class GPTModel : public nn::Layer {
 public:
  GPTModel(int64_t vocabulary, int64_t dim, int64_t depth)
      : embedding(this, "embedding", vocabulary, dim), lm_head(this, "lm_head", dim, vocabulary) {
    for (int64_t i = 0; i < depth; ++i) blocks->push_back(Block(dim));
  }
  Tensor forward(const Tensor& ids) override {
    Tensor x = position(embedding(ids));
    for (Block& block : *blocks) x = block(x);
    return lm_head(x);
  }

 private:
  nn::Child<nn::Embedding> embedding;
  nn::Child<nn::SinusoidalPositionEncoding> position{this, "position"};
  nn::Child<nn::ModuleList<Block>> blocks{this, "blocks"};
  nn::Child<nn::Linear> lm_head;
};

TEST(GPTModel, IsATreeOfModules) {
  GPTModel model(11, 4, 2);
  std::vector<std::string> names;
  for (const auto& [name, module] : model.named_modules())
    names.push_back(name + " " + module->name());
  EXPECT_EQ(names,
            (std::vector<std::string>{" GPTModel",
                                      "embedding Embedding",
                                      "position SinusoidalPositionEncoding",
                                      "blocks ModuleList",
                                      "blocks.0 Block",
                                      "blocks.0.attention MultiheadAttention",
                                      "blocks.0.attention.out_proj NonDynamicallyQuantizableLinear",
                                      "blocks.0.norm LayerNorm",
                                      "blocks.0.feed_forward Sequential",
                                      "blocks.0.feed_forward.0 Linear",
                                      "blocks.0.feed_forward.1 GELU",
                                      "blocks.0.feed_forward.2 Linear",
                                      "blocks.1 Block",
                                      "blocks.1.attention MultiheadAttention",
                                      "blocks.1.attention.out_proj NonDynamicallyQuantizableLinear",
                                      "blocks.1.norm LayerNorm",
                                      "blocks.1.feed_forward Sequential",
                                      "blocks.1.feed_forward.0 Linear",
                                      "blocks.1.feed_forward.1 GELU",
                                      "blocks.1.feed_forward.2 Linear",
                                      "lm_head Linear"}));
  const Tensor ids = tensor<int64_t>({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(model(ids).shape(), (Shape{2, 3, 11}));
  // The library has such a block.
  nn::TransformerEncoderLayer block(4, 2, {.batch_first = true});
  EXPECT_EQ(block(randn({2, 3, 4})).shape(), (Shape{2, 3, 4}));
  // "a parent module manages the states of all its children"
  EXPECT_EQ(model.state_dict().size(), 1 + 2 * 10 + 2);
}

}  // namespace
}  // namespace lamina::courses
