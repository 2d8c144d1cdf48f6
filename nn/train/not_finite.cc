#include "lamina/nn/train/not_finite.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lamina/nn/hooks.h"
#include "lamina/nn/module.h"

namespace lamina::nn::train::internal {
namespace {

bool all_finite(const Tensor& x) {
  return !is_floating(x.dtype()) || isfinite(x).all().item<bool>();
}

// While it lives, looks in each forward for the first module's output that is not finite; puts the
// buffers back when it goes.
class Search {
 public:
  explicit Search(Layer& model) : buffers_(model.buffers()) {
    for (const Tensor& buffer : buffers_) values_.push_back(buffer.data().clone());
    for (const auto& [name, module] : model.named_modules()) {
      const std::string path = name.empty() ? "the model" : name;
      handles_.push_back(module->register_forward_hook(
          [this, path](Module& m, absl::Span<const Tensor>, std::vector<Tensor>& outputs) {
            if (!culprit_.empty() || std::all_of(outputs.begin(), outputs.end(), all_finite))
              return;
            culprit_ = absl::StrCat("the output of ", path, " (", m.name(),
                                    ") is the first that is not finite");
          }));
    }
  }
  ~Search() {
    for (HookHandle& handle : handles_) handle.remove();
    for (size_t i = 0; i < values_.size(); ++i) {
      NDArray buffer = buffers_[i].data();
      buffer.copy_(values_[i]);
    }
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  const std::string& culprit() const { return culprit_; }  // "" if all are finite

 private:
  const std::vector<Tensor> buffers_;
  std::vector<NDArray> values_;
  std::vector<HookHandle> handles_;
  std::string culprit_;
};

}  // namespace

std::string not_finite_parameter(const Module& model) {
  const NoGradGuard no_grad;
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (!all_finite(parameter)) return name;
  }
  return "";
}

std::string cause_of_loss_not_finite(Layer& model, const Loss& loss, const Tensor& x,
                                     Generator::State random) {
  const NoGradGuard no_grad;
  if (!all_finite(x)) return "the batch's x is not finite";
  const std::string parameter = not_finite_parameter(model);
  if (!parameter.empty()) return absl::StrCat("the parameter ", parameter, " is not finite");
  {
    const Search search(model);
    default_generator().set_state(random);
    model(x);
    if (!search.culprit().empty()) return search.culprit();
  }
  return absl::StrCat("the model's output is finite, what ", loss.name(), " makes of it is not");
}

}  // namespace lamina::nn::train::internal
