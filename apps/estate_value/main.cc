// Predicts the prices of houses: of sales in Ames, of a synthetic market, or of a CSV file.
//
//   bazel run -c opt //apps/estate_value

#include <string>
#include <vector>

#include "lamina/apps/estate_value/commands.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/apps/program.h"

namespace {

constexpr char kHelp[] = R"(Predicts the prices of houses.)";

constexpr char kTrain[] =
    R"(Trains networks on houses with prices, and tells their errors.

Metrics are in the data's own units: mae, rmse and r2. A fifth of the houses is held out for
them. The last three checkpoints, TensorBoard's event file and report.html go to a new folder,
runs/estate_value/NNN, or to --output. Ctrl-C ends it with a checkpoint, and --resume goes on.)";

constexpr char kEval[] =
    R"(Tells the errors of a trained model.

They are those on the houses that were held out, or on all houses of a file with prices.)";

constexpr char kPredict[] = R"(Writes the houses of a file as CSV with a column of predicted prices.

The file needs the columns of the houses that were trained on but for the price, in
any order. A cell that is empty counts as unknown, and so does a category that is new.)";

constexpr char kCrossvalidate[] =
    R"(Tells the errors on each fold of a model of the other folds.

Keeps none of the models.)";

std::vector<std::string> settings_and(const std::vector<std::string>& more) {
  std::vector<std::string> names = lamina::apps::estate_value::run_settings();
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lamina::apps::estate_value;
  return lamina::apps::run_program(
      {kApp,
       kHelp,
       {{"train", "", 0, 0, kTrain, settings_and({"skip_bad_rows", "threads", "output", "resume"}),
         train},
        {"eval", "[HOUSES.csv]", 0, 1, kEval, {"checkpoint", "skip_bad_rows", "threads"}, evaluate},
        {"predict",
         "HOUSES.csv",
         1,
         1,
         kPredict,
         {"checkpoint", "predictions", "threads"},
         predict},
        {"crossvalidate", "", 0, 0, kCrossvalidate,
         settings_and({"threads", "folds", "folds_seed", "folds_file"}), crossvalidate_houses}}},
      argc, argv);
}
