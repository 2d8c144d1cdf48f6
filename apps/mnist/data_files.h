// The data sets of the application and where their files are.
#ifndef LAMINA_APPS_MNIST_DATA_FILES_H_
#define LAMINA_APPS_MNIST_DATA_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lamina::apps::mnist {

enum class DataSet { kMnist, kFashion };

// Flags of this type take mnist or fashion.
bool AbslParseFlag(absl::string_view text, DataSet* dataset, std::string* error);
std::string AbslUnparseFlag(DataSet dataset);

// For people: "MNIST".
std::string title_of(DataSet dataset);

// What the labels 0 to 9 stand for.
std::vector<std::string> class_names(DataSet dataset);

// The folder `given`, unless it is empty; else the files that Bazel fetched of MNIST, and those of Debian's
// package dataset-fashion-mnist. NotFound, with what to do, if they are not there.
absl::StatusOr<std::string> data_folder(DataSet dataset, const std::string& given);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_DATA_FILES_H_
