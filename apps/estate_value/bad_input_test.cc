// What the program says to what it cannot use: one line that names it.

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"
#include "lamina/nn/data/idx_testing.h"

namespace lamina::apps::estate_value {
namespace {

using ::testing::HasSubstr;

Outcome estate_value(const std::string& here, const std::string& arguments) {
  return run_in(here, "apps/estate_value/estate_value", arguments);
}

// The line of an error, without "ERROR: " and the line end.
std::string error_of(const std::string& here, const std::string& arguments) {
  const Outcome outcome = estate_value(here, arguments);
  EXPECT_EQ(outcome.exit_code, 1) << arguments << "\n" << outcome.out << outcome.err;
  EXPECT_EQ(outcome.err.substr(0, 7), "ERROR: ") << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  return outcome.err.size() < 8 ? "" : outcome.err.substr(7, outcome.err.size() - 8);
}

void write_houses(const std::string& here, const std::string& name = "houses.csv",
                  const std::string& area = "100") {
  std::string csv = "area,zone,cost\n";
  for (int i = 1; i <= 10; ++i) {
    csv += area + (i % 2 == 0 ? ",a," : ",b,") + std::to_string(i) + "\n";
  }
  nn::data::write_file(here + "/" + name, csv);
}

TEST(BadInput, FlagsThatDoNotGoTogether) {
  const std::string here = new_folder();
  write_houses(here);
  EXPECT_EQ(error_of(here, "--csv=houses.csv"),
            "flag --target: expected the column with the prices, beside --csv, got none");
  EXPECT_THAT(error_of(here, "--target=cost"), HasSubstr("expected with --csv=FILE only"));
  EXPECT_EQ(error_of(here, "--csv=houses.csv --target=cost --data=ames"),
            "expected --data or --csv, got both");
  EXPECT_THAT(error_of(here, "--data=boston"), HasSubstr("expected ames or synthetic"));
  EXPECT_THAT(error_of(here, "--dropout=1"), HasSubstr("expected a number from 0 to below 1"));
  EXPECT_THAT(error_of(here, "--weight_decay=-1"),
              HasSubstr("expected a finite number of at least 0"));
  EXPECT_THAT(error_of(here, "--categories=one"), HasSubstr("expected onehot or embedding"));
  EXPECT_FALSE(std::filesystem::exists(here + "/runs/estate_value/001"));
}

TEST(BadInput, CommandsAndWords) {
  const std::string here = new_folder();
  EXPECT_THAT(error_of(here, "evall"), HasSubstr("did you mean 'eval'?"));
  EXPECT_THAT(error_of(here, "predict"), HasSubstr("expected HOUSES.csv, got none"));
  EXPECT_THAT(error_of(here, "crossvalidate --folds=1"), HasSubstr("from 2 to 1000"));
}

TEST(BadInput, FilesOfHouses) {
  const std::string here = new_folder();
  write_houses(here);
  EXPECT_THAT(error_of(here, "--csv=none.csv --target=cost"), HasSubstr(here + "/none.csv: "));
  EXPECT_EQ(error_of(here, "--csv=houses.csv --target=kost"),
            here + "/houses.csv: expected a column 'kost', got none; the closest name is 'cost'");
  EXPECT_EQ(error_of(here, "--csv=houses.csv --target=zone"),
            here + "/houses.csv: column 'zone': expected numbers, got texts such as 'a'");
  nn::data::write_file(here + "/torn.csv", "a,cost\n1,2\n3\n");
  EXPECT_THAT(error_of(here, "--csv=torn.csv --target=cost"), HasSubstr("/torn.csv:3:"));
  EXPECT_EQ(error_of(here, "--skip_bad_rows"),
            "flag --skip_bad_rows: expected with --csv=FILE only, got none");
  nn::data::write_file(here + "/gaps.csv", "a,cost\n1,2\n3,4\n1,\n3,\n1,\n3,\n1,\n3,\n");
  EXPECT_EQ(error_of(here, "--csv=gaps.csv --target=cost"),
            here + "/gaps.csv: column 'cost': expected a price in every row, got a missing cell");
  nn::data::write_file(here + "/free.csv", "a,cost\n1,0\n3,0\n1,0\n3,0\n1,0\n3,0\n");
  EXPECT_THAT(error_of(here, "--csv=free.csv --target=cost"),
              HasSubstr("expected prices above 0, or --log_price=false, got 0"));
  EXPECT_EQ(error_of(here, "crossvalidate --csv=houses.csv --target=cost --folds=11"),
            "flag --folds: expected at most the 10 houses, got 11");
}

TEST(BadInput, OutputsThatAreInputs) {
  const std::string here = new_folder();
  write_houses(here);
  const std::string before = read_file(here + "/houses.csv");
  EXPECT_EQ(error_of(here, "crossvalidate --csv=houses.csv --target=cost --folds_file=houses.csv"),
            here + "/houses.csv: expected an output that is another file than " + here +
                "/houses.csv, got the same");
  ASSERT_EQ(estate_value(here, "--csv=houses.csv --target=cost --hidden=4 --networks=1 --epochs=1")
                .exit_code,
            0);
  EXPECT_THAT(error_of(here, "predict houses.csv --predictions=houses.csv"),
              HasSubstr("/houses.csv: expected an output that is another file"));
  EXPECT_EQ(read_file(here + "/houses.csv"), before);
}

// What is wrong with the houses is told before anything is written.
TEST(BadInput, LeavesTheFoldsOfBeforeWhereTheyAre) {
  const std::string here = new_folder();
  write_houses(here);
  nn::data::write_file(here + "/folds.csv", "old");
  EXPECT_THAT(error_of(here, "crossvalidate --csv=houses.csv --target=kost --folds_file=folds.csv"),
              HasSubstr("expected a column 'kost'"));
  EXPECT_EQ(read_file(here + "/folds.csv"), "old");
}

TEST(BadInput, TextsThatACheckpointCannotKeep) {
  const std::string here = new_folder();
  nn::data::write_file(here + "/latin.csv", "area,pr\xe9is\n1,2\n");
  EXPECT_THAT(error_of(here, "--csv=latin.csv --target=pr\xe9is"),
              HasSubstr("flag --target: expected text in UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(here + "/runs/estate_value/001"));
}

TEST(BadInput, FoldersThatCannotBeWrittenTo) {
  const std::string here = new_folder();
  nn::data::write_file(here + "/file", "");
  EXPECT_THAT(error_of(here, "--output=file/run"), HasSubstr(here + "/file/run: "));
  EXPECT_THAT(error_of(here, "crossvalidate --folds_file=file/folds.csv"),
              HasSubstr(here + "/file/folds.csv: cannot open its folder"));
}

TEST(BadInput, Checkpoints) {
  const std::string here = new_folder();
  write_houses(here);
  EXPECT_THAT(error_of(here, "predict houses.csv"), HasSubstr("expected a checkpoint, got none"));
  nn::data::write_file(here + "/text.ckpt", "no checkpoint");
  EXPECT_THAT(error_of(here, "predict houses.csv --checkpoint=text.ckpt"),
              HasSubstr(here + "/text.ckpt: "));

  const std::string train = "--csv=houses.csv --target=cost --hidden=4 --networks=1 --threads=1 ";
  ASSERT_EQ(estate_value(here, train + "--epochs=1").exit_code, 0);
  const std::string trained = here + "/runs/estate_value/001/step_000000000001.ckpt: ";
  EXPECT_EQ(error_of(here, "--resume --hidden=5"), trained + "--hidden is 4 there, got 5");

  nn::data::write_file(here + "/offers.csv", "zone\na\n");
  EXPECT_EQ(error_of(here, "predict offers.csv"),
            here + "/offers.csv: expected a column 'area', got none; the closest name is 'zone'");
  nn::data::write_file(here + "/offers.csv", "area,zone\nlarge,a\n");
  EXPECT_THAT(error_of(here, "predict offers.csv"), HasSubstr("/offers.csv:2:1: "));
  nn::data::write_file(here + "/offers.csv", "area,zone\n1,a\n");
  EXPECT_THAT(error_of(here, "eval offers.csv"), HasSubstr("expected a column 'cost', got none"));
  EXPECT_THAT(error_of(here, "predict offers.csv --predictions=none/made.csv"),
              HasSubstr(here + "/none/made.csv: cannot open its folder"));

  // A price that has changed, whether it was trained on or held out.
  const std::string houses = read_file(here + "/houses.csv");
  for (int i = 1; i <= 10; ++i) {
    const std::string cell = "," + std::to_string(i) + "\n";
    std::string changed = houses;
    changed.replace(changed.find(cell), cell.size(), ",11\n");
    nn::data::write_file(here + "/houses.csv", changed);
    for (const char* command : {"eval", "--resume"}) {
      EXPECT_THAT(error_of(here, command), HasSubstr("expected the data of its run")) << i;
    }
  }

  // Houses that have changed since would be held out that were trained on.
  write_houses(here, "houses.csv", "101");
  for (const char* command : {"eval", "--resume"}) {
    EXPECT_THAT(
        error_of(here, command),
        ::testing::AllOf(::testing::StartsWith(trained + "expected the data of its run, with the "),
                         ::testing::ContainsRegex("checksum [0-9a-f]{8}, got others in " + here +
                                                  "/houses\\.csv, with [0-9a-f]{8}$")));
  }
}

}  // namespace
}  // namespace lamina::apps::estate_value
