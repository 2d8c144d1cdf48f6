// The commands of the program, one per source, with those of their flags that no other command has.
#ifndef LAMINA_APPS_ESTATE_VALUE_COMMANDS_H_
#define LAMINA_APPS_ESTATE_VALUE_COMMANDS_H_

#include "absl/status/status.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::estate_value {

absl::Status train(const Arguments& arguments);
absl::Status evaluate(const Arguments& arguments);
absl::Status predict(const Arguments& arguments);
absl::Status crossvalidate_houses(const Arguments& arguments);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_COMMANDS_H_
