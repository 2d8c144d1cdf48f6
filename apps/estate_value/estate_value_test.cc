// Trains on houses with the program itself.

#include <cmath>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/apps/estate_value/market.h"
#include "lamina/apps/program_testing.h"
#include "lamina/nn/data/idx_testing.h"
#include "lamina/serialization.h"

namespace lamina::apps::estate_value {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kProgram[] = "apps/estate_value/estate_value";
// Small, for the sanitizers' sake.
constexpr char kTiny[] = " --hidden=8 --networks=2 --threads=1";

Outcome estate_value(const std::string& here, const std::string& arguments) {
  return run_in(here, kProgram, arguments);
}

// Houses of which a category decides half of the price.
std::string write_houses(const std::string& folder, bool with_prices, int rows = 60) {
  const nn::data::Table market = synthetic_market(rows, 5);
  std::ostringstream csv;
  csv << "id,area,zone" << (with_prices ? ",cost\n" : "\n");
  for (int i = 0; i < rows; ++i) {
    const char* zone = i % 3 == 0 ? "\"hill, north\"" : i % 3 == 1 ? "lake" : "";
    const auto area = market.columns[0].values.select(0, i).item<double>();
    csv << i << "," << area << "," << zone;
    if (with_prices) csv << "," << 1000 * area * (i % 3 == 0 ? 2 : 1);
    csv << "\n";
  }
  std::string path = folder + (with_prices ? "/houses.csv" : "/offers.csv");
  nn::data::write_file(path, csv.str());
  return path;
}

double number_after(const std::string& text, const std::string& label) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(label + " +([-0-9.,e+]+)\n"))) {
    ADD_FAILURE() << "no " << label << " in " << text;
    return -1e9;
  }
  return std::stod(std::regex_replace(match[1].str(), std::regex(","), ""));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(EstateValue, LearnsTheSyntheticMarketAndReports) {
  const std::string here = new_folder();
  const Outcome outcome =
      estate_value(here, "--data=synthetic --hidden=32 --epochs=40 --threads=1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // By the mean price it would be 1, by a linear model 0.07.
  EXPECT_LT(number_after(outcome.out, "MSE of the standardised price"), 0.01);
  EXPECT_GT(number_after(outcome.out, "R2"), 0.99);
  const double floor = number_after(outcome.out, "noise in the prices, on average");
  EXPECT_GT(floor, 0.0002);
  EXPECT_LT(floor, 0.0005);
  const std::string page = read_file(here + "/runs/estate_value/001/report.html");
  for (const char* part :
       {"<h2>Settings</h2>", "<td>synthetic</td>", "<h2>Houses that were held out</h2>",
        "<h2>Predicted against true prices</h2>", "<h2>loss</h2>", "<h2>r2</h2>",
        "<h2>The worst errors</h2>", "<th>area</th>"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  // A point for each house.
  std::string plot = page.substr(page.find("<h2>Predicted against true prices</h2>"));
  plot.resize(plot.find("</section>"));
  const std::regex point("<circle ");
  EXPECT_EQ(std::distance(std::sregex_iterator(plot.begin(), plot.end(), point), {}), 500);

  const Outcome eval = estate_value(here, "eval --threads=1");
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  for (const char* score : {"MAE", "RMSE", "R2", "MSE of the standardised price"}) {
    EXPECT_EQ(number_after(eval.out, score), number_after(outcome.out, score)) << score;
  }
}

TEST(EstateValue, TheSameSeedGivesTheSameWeightsAtAnyNumberOfThreads) {
  const std::string here = new_folder();
  const std::string train = "--data=synthetic --epochs=2 --hidden=8 --dropout=0.1 --output=";
  ASSERT_EQ(estate_value(here, train + "one --threads=1").exit_code, 0);
  ASSERT_EQ(estate_value(here, train + "two --threads=2").exit_code, 0);
  ASSERT_EQ(estate_value(here, train + "other --threads=1 --seed=2").exit_code, 0);
  const std::string file = "/step_000000000064.ckpt";
  EXPECT_EQ(read_file(here + "/one" + file), read_file(here + "/two" + file));
  EXPECT_NE(read_file(here + "/one" + file), read_file(here + "/other" + file));
}

TEST(EstateValue, GoesOnAfterCtrlCAsIfNothingHadHappened) {
  const std::string here = new_folder();
  const std::string csv = write_houses(here, true);
  const std::string data = "--csv=" + csv + " --target=cost";
  const std::string sizes = " --epochs=60 --hidden=8 --networks=2 --batch_size=7 --threads=1";
  ASSERT_EQ(estate_value(here, data + sizes + " --output=whole").exit_code, 0);
  const Outcome interrupted = interrupt_in(
      here, kProgram, data + sizes + " --output=parts",
      [](const std::string& out) { return out.find("\nepoch 3/") != std::string::npos; });
  EXPECT_EQ(interrupted.exit_code, 130) << interrupted.err;
  EXPECT_THAT(interrupted.err, HasSubstr("--resume --output="));
  const std::string last = "/step_000000000420.ckpt";  // 48 houses: 7 steps an epoch
  ASSERT_FALSE(std::filesystem::exists(here + "/parts" + last));
  const Outcome resumed = estate_value(here, "--resume --output=parts --threads=1");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("going on from "));

  const auto whole = load_checkpoint(here + "/whole" + last);
  const auto parts = load_checkpoint(here + "/parts" + last);
  ASSERT_TRUE(whole.ok() && parts.ok()) << whole.status() << parts.status();
  ASSERT_EQ(whole->size(), parts->size());
  int weights = 0;
  for (size_t i = 0; i < whole->size(); ++i) {
    const auto& [name, array] = (*whole)[i];
    EXPECT_EQ(name, (*parts)[i].first);
    if (name.rfind("model.networks.", 0) != 0) continue;
    EXPECT_EQ(array->to_vector<float>(), (*parts)[i].second->to_vector<float>()) << name;
    ++weights;
  }
  EXPECT_EQ(weights, 2 * 7);
}

TEST(EstateValue, FindsTheHousesOfItsRunWhereverItIsCalled) {
  const std::string here = new_folder(), there = new_folder();
  write_houses(here, true);
  ASSERT_EQ(estate_value(here, std::string("--csv=./houses.csv --target=cost --epochs=1") + kTiny)
                .exit_code,
            0);
  write_houses(there, true, 70);  // others
  const Outcome eval =
      estate_value(there, "eval --threads=1 --checkpoint=" + here + "/runs/estate_value/001");
  EXPECT_EQ(eval.exit_code, 0) << eval.err;
  EXPECT_THAT(eval.out, HasSubstr("12 houses held out"));
}

// A checkpoint keeps all digits.
TEST(EstateValue, GoesOnWithTheVeryNumbersOfItsRun) {
  const std::string here = new_folder();
  write_houses(here, true);
  const std::string numbers = " --dropout=0.12345678 --weight_decay=0.123456789";
  ASSERT_EQ(
      estate_value(here, "--csv=houses.csv --target=cost --epochs=1" + numbers + kTiny).exit_code,
      0);
  const auto reader =
      CheckpointReader::open(here + "/runs/estate_value/001/step_000000000001.ckpt");
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::map<std::string, std::string> settings = reader->metadata();
  EXPECT_EQ(settings["dropout"], "0.12345678");
  EXPECT_EQ(settings["weight_decay"], "0.123456789");
  EXPECT_EQ(estate_value(here, "--resume" + numbers + " --threads=1").exit_code, 0);
}

// 65536^2 weights of float32 would be 16 GiB.
TEST(EstateValue, MakesNoModelThatItsFileHasNoRoomFor) {
  const std::string here = new_folder();
  write_houses(here, true);
  ASSERT_EQ(estate_value(here, std::string("--csv=houses.csv --target=cost --epochs=1") + kTiny)
                .exit_code,
            0);
  const std::string path = here + "/runs/estate_value/001/step_000000000001.ckpt";
  const auto reader = CheckpointReader::open(path);
  const auto arrays = load_checkpoint(path);
  ASSERT_TRUE(reader.ok() && arrays.ok()) << reader.status() << arrays.status();
  SaveOptions options;
  options.metadata = reader->metadata();
  options.metadata["hidden"] = "65536,65536";
  ASSERT_TRUE(save_checkpoint(here + "/huge.ckpt", *arrays, options).ok());
  const Outcome outcome =
      estate_value(here, "predict houses.csv --checkpoint=huge.ckpt --threads=1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("ERROR: " + here + "/huge.ckpt: expected a model of "));
  EXPECT_THAT(outcome.err, HasSubstr(" elements, as its settings tell, got "));
}

TEST(EstateValue, PredictsTheHousesOfAFile) {
  const std::string here = new_folder();
  write_houses(here, true);
  write_houses(here, false);
  for (const char* categories : {"onehot", "embedding"}) {
    const Outcome trained = estate_value(
        here, std::string("--csv=houses.csv --target=cost --epochs=40 --batch_size=8 --hidden=16 "
                          "--learning_rate=0.01 "
                          "--dropout=0 --weight_decay=0 --networks=2 --threads=1 --categories=") +
                  categories);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const Outcome outcome = estate_value(here, "predict offers.csv --threads=1");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::vector<std::string> lines = lines_of(outcome.out),
                                   offers = lines_of(read_file(here + "/offers.csv")),
                                   houses = lines_of(read_file(here + "/houses.csv"));
    ASSERT_EQ(lines.size(), 61);
    EXPECT_EQ(lines[0], "id,area,zone,predicted_cost");
    double error = 0, all = 0;
    for (size_t i = 1; i < lines.size(); ++i) {
      EXPECT_THAT(lines[i], StartsWith(offers[i] + ","));
      const double predicted = std::stod(lines[i].substr(lines[i].rfind(',') + 1));
      const double cost = std::stod(houses[i].substr(houses[i].rfind(',') + 1));
      error += std::abs(predicted - cost);
      all += cost;
    }
    EXPECT_LT(error / all, 0.15) << categories;
    // A file with prices is one, too; and eval tells the same errors.
    EXPECT_EQ(estate_value(here, "predict houses.csv --predictions=made.csv --threads=1").out, "");
    EXPECT_THAT(read_file(here + "/made.csv"), StartsWith("id,area,zone,cost,predicted_cost\n"));
    const Outcome eval = estate_value(here, "eval houses.csv --threads=1");
    EXPECT_THAT(eval.out, HasSubstr("60 houses"));
    // Shown rounded.
    EXPECT_NEAR(number_after(eval.out, "MAE") / (error / 60), 1, 0.001);
  }
}

TEST(EstateValue, PredictsAHouseOfANewCategory) {
  const std::string here = new_folder();
  write_houses(here, true);
  for (const char* categories : {"onehot", "embedding"}) {
    ASSERT_EQ(estate_value(here, std::string("--csv=houses.csv --target=cost --epochs=2") + kTiny +
                                     " --categories=" + categories)
                  .exit_code,
              0);
    nn::data::write_file(here + "/new.csv", "zone,area,id\nmoon,100,1\n,100,1\nlake,100,1\n");
    const Outcome outcome = estate_value(here, "predict new.csv --threads=1");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::vector<std::string> lines = lines_of(outcome.out);
    ASSERT_EQ(lines.size(), 4);
    EXPECT_EQ(lines[1].substr(4), lines[2].substr(0)) << "as one that is unknown";
    EXPECT_NE(lines[2], lines[3].substr(4));
  }
}

TEST(EstateValue, TrainsOnTheSalesInAmes) {
  const std::string here = new_folder();
  const Outcome outcome =
      estate_value(here, "--epochs=4 --networks=1 --hidden=16 --dropout=0 --threads=1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(
      outcome.out,
      HasSubstr(
          "2,344 houses to train on, 586 held out; 33 numbers and 40 categories tell of each"));
  EXPECT_GT(number_after(outcome.out, "R2 of the logarithm of the price"), 0.7);
}

TEST(EstateValue, LeavesOutBadRowsInAllThatReadsTheFile) {
  const std::string here = new_folder();
  write_houses(here, true);
  const std::string path = here + "/houses.csv";
  nn::data::write_file(path, read_file(path) + "61,torn\n");
  const std::string train = std::string("--csv=houses.csv --target=cost --epochs=2") + kTiny;
  EXPECT_EQ(estate_value(here, train).exit_code, 1);
  const std::string warning = "warning: bad rows left out: 1, the first: " + path + ":62:3: ";
  for (const std::string& line : {train, std::string("eval"), std::string("--resume")}) {
    const Outcome outcome = estate_value(here, line + " --skip_bad_rows");
    EXPECT_EQ(outcome.exit_code, 0) << line;
    EXPECT_THAT(outcome.err, StartsWith(warning)) << line;
    EXPECT_THAT(outcome.out, HasSubstr("12 houses held out")) << line;
  }
  EXPECT_THAT(estate_value(here, "eval").err, StartsWith("ERROR: " + path + ":62:3: "));
}

TEST(EstateValue, SaysWhatEachCommandTakes) {
  const std::string here = new_folder();
  for (const auto& [command, flag] :
       std::map<std::string, std::string>{{"train", "--categories"},
                                          {"eval", "--checkpoint"},
                                          {"predict", "--predictions"},
                                          {"crossvalidate", "--folds_seed"}}) {
    EXPECT_THAT(estate_value(here, "--help").out, HasSubstr("  estate_value " + command + " "));
    const Outcome help = estate_value(here, command + " --help");
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("\n  " + flag + "  ")) << command;
  }
}

TEST(EstateValue, CrossvalidatesOnFoldsThatItWrites) {
  const std::string here = new_folder();
  write_houses(here, true);
  const Outcome outcome = estate_value(
      here, std::string("crossvalidate --csv=houses.csv --target=cost --folds=3 --epochs=2 "
                        "--folds_file=folds.csv") +
                kTiny);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::vector<std::string> lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 5) << outcome.out;
  EXPECT_THAT(lines[3], StartsWith("2          20 "));
  EXPECT_THAT(lines[4], StartsWith("mean       60 "));
  const std::vector<std::string> folds = lines_of(read_file(here + "/folds.csv"));
  ASSERT_EQ(folds.size(), 61);
  EXPECT_EQ(folds[0], "row,fold");
  EXPECT_THAT(folds[60], StartsWith("59,"));
  std::map<std::string, int> sizes;
  for (size_t i = 1; i < folds.size(); ++i) ++sizes[folds[i].substr(folds[i].find(',') + 1)];
  EXPECT_EQ(sizes, (std::map<std::string, int>{{"0", 20}, {"1", 20}, {"2", 20}}));
  // Columns 1, 2, ... are the scores; shown with two decimals or four.
  std::vector<std::vector<double>> rows;
  for (size_t line = 1; line < lines.size(); ++line) {
    std::istringstream words(lines[line].substr(5));
    rows.emplace_back();
    for (double number; words >> number;) rows.back().push_back(number);
    ASSERT_EQ(rows.back().size(), 5u);
  }
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_NEAR(rows[3][i], (rows[0][i] + rows[1][i] + rows[2][i]) / 3, i < 3 ? 0.0101 : 0.000101);
  }
  EXPECT_FALSE(std::filesystem::exists(here + "/runs"));
}

}  // namespace
}  // namespace lamina::apps::estate_value
