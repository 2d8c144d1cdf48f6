#include "lamina/nn/sequential.h"

#include <cxxabi.h>

#include <cstdlib>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace lamina::nn::internal {
namespace {

std::string readable(std::type_index type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return absl::StrReplaceAll(status == 0 ? text.get() : type.name(),
                             {{"lamina::", ""}, {"nn::", ""}});
}

std::string readable(const std::vector<std::type_index>& types) {
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
  fail<ValueError>("Sequential", "expected a module that takes ", readable(given),
                   is_first ? ", as the Sequential does," : ", which the module before it gives,",
                   " as \"", name, "\", got ", module.name(), ", which takes ",
                   readable(step.takes));
}

void fail_gives(std::type_index wanted, std::type_index given) {
  fail<RuntimeError>("Sequential", "expected its last module to give ", readable(wanted), ", got ",
                     readable(given));
}

}  // namespace lamina::nn::internal
