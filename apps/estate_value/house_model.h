// HouseModel: a network from what an Encoder makes of houses to their standardised prices; or
// several, whose mean is the prediction, because the errors of networks that began with other
// weights are partly their own.
#ifndef LAMINA_APPS_ESTATE_VALUE_HOUSE_MODEL_H_
#define LAMINA_APPS_ESTATE_VALUE_HOUSE_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

// What stands for a category: a 1 at its place among zeros, or numbers that are learnt.
enum class Categories { kOneHot, kEmbedding };
bool AbslParseFlag(absl::string_view text, Categories* categories, std::string* error);
std::string AbslUnparseFlag(Categories categories);

struct HouseModelOptions {
  Categories categories = Categories::kOneHot;
  std::vector<int64_t> hidden = {64};
  double dropout = 0;
  int64_t networks = 1;
};

// Linear layers with SiLU and dropout between them, beside one linear layer from the inputs to the output,
// which finds what is linear in a price at once.
class HouseNetwork : public nn::Layer {
 public:
  HouseNetwork(const Encoder& encoder, const HouseModelOptions& options);
  Tensor forward(const Tensor& x) override;  // (n, width) -> (n, 1)

 private:
  const int64_t numbers_, places_;
  nn::Child<nn::Embedding> embedding{this, "embedding", nullptr};  // or one-hot
  nn::Child<nn::ModuleList<nn::Linear>> hidden{this, "hidden"};
  nn::Child<nn::Dropout> dropout;
  nn::Child<nn::Linear> direct{this, "direct", nullptr};
};

class HouseModel : public nn::Layer {
 public:
  HouseModel(const Encoder& encoder, const HouseModelOptions& options);
  Tensor forward(const Tensor& x) override;  // float32 (n, width) -> (n, networks)

  // The mean of the networks for each house, float64 (n), in eval mode and in batches.
  Tensor predictions(const Tensor& x);

 private:
  // The encoder's text, so that a checkpoint has all that predictions need.
  nn::Buffer columns;
  nn::Child<nn::ModuleList<HouseNetwork>> networks{this, "networks"};
};

// How many parameters a HouseModel has, without making it.
int64_t parameters_by_size(const Encoder& encoder, const HouseModelOptions& options);

// The encoder in the checkpoint of a training that has a HouseModel for its "model". Errors begin with the
// path.
absl::StatusOr<Encoder> read_encoder(const std::string& checkpoint);

// The mean of the networks' squared errors: outputs (n, networks), targets (n, 1).
class NetworksLoss : public nn::Loss {
 public:
  Tensor forward(const Tensor& outputs, const Tensor& targets) override;
};

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_HOUSE_MODEL_H_
