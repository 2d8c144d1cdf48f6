#include "lamina/nn/sequential.h"

#include "absl/strings/str_join.h"

namespace lamina::nn::internal {
namespace {

std::string in_brackets(const std::vector<std::type_index>& types) {
  return absl::StrCat("(",
                      absl::StrJoin(types, ", ",
                                    [](std::string* out, std::type_index type) {
                                      absl::StrAppend(out, readable(type));
                                    }),
                      ")");
}

}  // namespace

void check_takes(const std::vector<std::type_index>& given, const Step& step, const Module& module,
                 absl::string_view name, bool is_first) {
  if (step.takes == given) return;
  if (step.run_first != nullptr && given.size() == 1 && given[0] == step.takes[0]) return;
  fail<ValueError>("Sequential", "expected a module that takes ", in_brackets(given),
                   is_first ? ", as the Sequential does," : ", which the module before it gives,",
                   " as \"", name, "\", got ", module.name(), ", which takes ",
                   in_brackets(step.takes));
}

void fail_edited() {
  fail<RuntimeError>("Sequential",
                     "expected its modules to stay while it runs, got one inserted, erased or "
                     "replaced by one of them or its hooks");
}

void fail_gives(std::type_index wanted, std::type_index given) {
  fail<RuntimeError>("Sequential", "expected its last module to give ", readable(wanted), ", got ",
                     readable(given));
}

}  // namespace lamina::nn::internal
