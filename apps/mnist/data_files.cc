#include "lamina/apps/mnist/data_files.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lamina/apps/fetched_file.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::mnist {
namespace {

constexpr Choice<DataSet> kDataSets[] = {{DataSet::kMnist, "mnist"},
                                         {DataSet::kFashion, "fashion"}};

constexpr char kFiles[] =
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte, each plain or with .gz";
constexpr char kFashionFolder[] = "/usr/share/datasets/fashion-mnist";

}  // namespace

bool AbslParseFlag(absl::string_view text, DataSet* dataset, std::string* error) {
  return parse_choice(text, kDataSets, dataset, error);
}

std::string AbslUnparseFlag(DataSet dataset) { return name_of_choice(kDataSets, dataset); }

std::string title_of(DataSet dataset) {
  return dataset == DataSet::kMnist ? "MNIST" : "Fashion-MNIST";
}

std::vector<std::string> class_names(DataSet dataset) {
  if (dataset == DataSet::kMnist) return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  return {"T-shirt", "trousers", "pullover", "dress", "coat",
          "sandal",  "shirt",    "sneaker",  "bag",   "ankle boot"};
}

absl::StatusOr<std::string> data_folder(DataSet dataset, const std::string& given) {
  if (!given.empty()) return given;
  if (dataset == DataSet::kFashion) {
    std::error_code error;
    if (std::filesystem::is_directory(kFashionFolder, error)) return kFashionFolder;
    return absl::NotFoundError(
        absl::StrCat(kFashionFolder,
                     ": expected the files of Fashion-MNIST, got no folder; install Debian's "
                     "dataset-fashion-mnist, or give --data_dir=FOLDER with ",
                     kFiles));
  }
  const absl::StatusOr<std::string> file = fetched_file(
      "mnist/data/train-images-idx3-ubyte", absl::StrCat("--data_dir=FOLDER with ", kFiles));
  if (!file.ok()) return file.status();
  return file->substr(0, file->rfind('/'));
}

}  // namespace lamina::apps::mnist
