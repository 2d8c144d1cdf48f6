#include "lamina/apps/write_file.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "lamina/apps/program_testing.h"

namespace lamina::apps {
namespace {

TEST(WriteFile, WritesOrReplacesAll) {
  const std::string path = new_folder() + "/a.csv";
  ASSERT_TRUE(write_file(path, "a longer text").ok());
  EXPECT_EQ(read_file(path), "a longer text");
  ASSERT_TRUE(write_file(path, "a text").ok());
  EXPECT_EQ(read_file(path), "a text");
}

TEST(CheckOutput, RefusesAFileThatIsRead) {
  const std::string folder = new_folder(), path = folder + "/a.csv";
  ASSERT_TRUE(write_file(path, "x").ok());
  EXPECT_TRUE(check_output(folder + "/b.csv", {path}).ok());
  EXPECT_TRUE(check_output("", {path}).ok());
  const std::string link = folder + "/link.csv";
  std::filesystem::create_symlink(path, link);
  EXPECT_EQ(check_output(link, {folder + "/c.csv", path}).message(),
            link + ": expected an output that is another file than " + path + ", got the same");
  // A save to b.csv would begin by emptying it.
  std::filesystem::create_hard_link(path, folder + "/b.csv.saving");
  EXPECT_EQ(check_output(folder + "/b.csv", {path}).message(),
            folder + "/b.csv: expected an output that is another file than " + path +
                ", got one that is first written there");
}

TEST(WriteFile, NamesThePathThatCannotBeWrittenTo) {
  const std::string path = new_folder() + "/missing/a.csv";
  EXPECT_EQ(write_file(path, "x").message().find(path + ": "), 0u);
}

// A limit of the file's size stands in for a full disk.
TEST(WriteFile, LeavesWhatWasThereOnAFullDisk) {
  const std::string folder = new_folder(), path = folder + "/a.csv";
  ASSERT_TRUE(write_file(path, "old").ok());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = write_file(path, std::string(2000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(status.message(), path + ": cannot write " + path + ".saving: File too large");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_FALSE(std::filesystem::exists(path + ".saving"));
}

}  // namespace
}  // namespace lamina::apps
