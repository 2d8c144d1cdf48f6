// The commands of the program, one per source, with those of their flags that no other command has.
#ifndef LAMINA_APPS_MNIST_COMMANDS_H_
#define LAMINA_APPS_MNIST_COMMANDS_H_

#include "absl/status/status.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::mnist {

absl::Status train(const Arguments& arguments);
absl::Status evaluate(const Arguments& arguments);
absl::Status predict(const Arguments& arguments);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_COMMANDS_H_
