#include "lamina/nn/summary.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/nn/commas.h"
#include "lamina/tensor/multiply_adds.h"

namespace lamina::nn {
namespace {

int64_t bytes_of(const std::vector<Tensor>& tensors) {
  int64_t bytes = 0;
  for (const Tensor& tensor : tensors) {
    bytes += tensor.numel() * static_cast<int64_t>(size_of(tensor.dtype()));
  }
  return bytes;
}

// Watches the calls of one module.
class Watch {
 public:
  Watch(Module& module, Summary::Row& row) {
    pre_ = module.register_forward_pre_hook([this](Module&, std::vector<Tensor>&) {
      before_.push_back(lamina::internal::multiply_adds);
    });
    post_ = module.register_forward_hook(
        [this, &row](Module&, absl::Span<const Tensor>, std::vector<Tensor>& outputs) {
          row.multiply_adds += lamina::internal::multiply_adds - before_.back();
          before_.pop_back();
          row.outputs.clear();
          for (const Tensor& output : outputs) {
            if (output.defined()) row.outputs.push_back(output.shape());
          }
        });
  }
  ~Watch() {
    pre_.remove();
    post_.remove();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::vector<int64_t> before_;  // of the calls that run
  HookHandle pre_, post_;
};

}  // namespace

Summary internal::summarize(Module& model, const std::function<void()>& call) {
  Summary summary;
  const Named<Module*> modules = model.named_modules();
  for (const auto& [path, module] : modules) {
    const int depth =
        path.empty() ? 0 : 1 + static_cast<int>(std::count(path.begin(), path.end(), '.'));
    summary.rows.push_back({path.substr(path.rfind('.') + 1),
                            module->name(),
                            depth,
                            {},
                            module->parameter_count(),
                            bytes_of(module->parameters()) + bytes_of(module->buffers()),
                            0});
  }
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < modules.size(); ++i) {
    watches.push_back(std::make_unique<Watch>(*modules[i].second, summary.rows[i]));
  }
  const ModeGuard mode(model);
  const NoGradGuard no_grad;
  model.eval();
  call();
  return summary;
}

std::string Summary::str() const {
  using Line = std::array<std::string, 5>;
  std::vector<Line> lines{{"Layer", "Output shape", "Parameters", "Bytes", "Multiply-adds"}};
  for (const Row& row : rows) {
    const std::string shapes = absl::StrJoin(
        row.outputs, ", ",
        [](std::string* out, const Shape& shape) { absl::StrAppend(out, shape.str()); });
    lines.push_back({absl::StrCat(std::string(2 * static_cast<size_t>(row.depth), ' '), row.name,
                                  row.name.empty() ? "" : ": ", row.type),
                     shapes.empty() ? "-" : shapes, with_commas(row.parameters),
                     with_commas(row.bytes), with_commas(row.multiply_adds)});
  }
  std::array<size_t, 5> widths{};
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      const bool is_text = i < 2;
      absl::StrAppend(&out, i == 0 ? "" : "  ", is_text ? line[i] : padding,
                      is_text ? padding : line[i]);
    }
    out += '\n';
  }
  return out;
}

}  // namespace lamina::nn
