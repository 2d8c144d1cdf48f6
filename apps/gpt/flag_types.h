// Types of flags that check their values, besides those that all applications share.
#ifndef LAMINA_APPS_GPT_FLAG_TYPES_H_
#define LAMINA_APPS_GPT_FLAG_TYPES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::gpt {

using Number = Whole<0, int64_t{1} << 40>;
using EvalEvery = Whole<1, 1000000>;
using Size = Whole<1, 65536>;  // of layers, widths, ...

struct Temperature {  // a finite number of at least 0
  double value;
};
struct Dropout {  // from 0 to below 1
  double value;
};
struct TopP {  // above 0 and up to 1
  double value;
};

bool AbslParseFlag(absl::string_view text, Temperature* flag, std::string* error);
bool AbslParseFlag(absl::string_view text, Dropout* flag, std::string* error);
bool AbslParseFlag(absl::string_view text, TopP* flag, std::string* error);
std::string AbslUnparseFlag(const Temperature& flag);
std::string AbslUnparseFlag(const Dropout& flag);
std::string AbslUnparseFlag(const TopP& flag);

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_FLAG_TYPES_H_
