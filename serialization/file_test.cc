#include "lamina/serialization/file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/permission_testing.h"

namespace lamina::serialization {
namespace {

using test::exists;
using test::in_child;
using test::in_child_without_privileges;
using test::read_file;
using test::write_file;

absl::Status save(const std::string& path, const std::string& bytes) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return file.status();
  const absl::Status status = file->write(bytes);
  return status.ok() ? file->commit() : status;
}

class AtomicFileTest : public ::testing::Test {
 protected:
  const std::string folder_ = test::new_folder();
  const std::string path_ = folder_ + "/file";
  const std::string temporary_ = path_ + ".saving";
};

TEST_F(AtomicFileTest, IsThereAfterCommitAndNotBefore) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->write("abc").ok());
  ASSERT_TRUE(file->write("def").ok());
  EXPECT_EQ(file->position(), 6);
  EXPECT_FALSE(exists(path_));
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(read_file(path_), "abcdef");
  EXPECT_FALSE(exists(temporary_));
}

TEST_F(AtomicFileTest, KeepsTheOrderOfSmallAndLargeWrites) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string all;
  for (size_t size : {1, 1000, 300000, 5, 65535, 1, 65536, 65537, 0, 7, 65520, 9}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    all += piece;
    ASSERT_TRUE(file->write(piece).ok());
  }
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(read_file(path_), all);
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  write_file(path_, "old");
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::create(path_);
    ASSERT_TRUE(file->write(std::string(1 << 20, 'x')).ok());
    EXPECT_TRUE(exists(temporary_));
  }
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_FALSE(exists(temporary_));
}

TEST_F(AtomicFileTest, ReplacesAFileAndKeepsItsPermissions) {
  write_file(path_, "something longer than the new one");
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  ASSERT_TRUE(save(path_, "new").ok());
  EXPECT_EQ(read_file(path_), "new");
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(AtomicFileTest, TakesOverWhatAKilledProcessLeft) {
  write_file(temporary_, std::string(1 << 20, 'x'));
  ASSERT_TRUE(save(path_, "new").ok());
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_FALSE(exists(temporary_));
}

TEST_F(AtomicFileTest, RefusesASecondSaverOfTheSamePath) {
  absl::StatusOr<AtomicFile> first = AtomicFile::create(path_);
  ASSERT_TRUE(first->write("first").ok());
  const absl::Status second = save(path_, "second");
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.message(), path_ + ": somebody else is saving to it");
  ASSERT_TRUE(first->commit().ok());
  EXPECT_EQ(read_file(path_), "first");
}

// A fork holds the lock's file open for as long as it lives.
TEST_F(AtomicFileTest, IsFreeAgainThoughAForkMadeMeanwhileLives) {
  absl::StatusOr<AtomicFile> first = AtomicFile::create(path_);
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  ASSERT_TRUE(first->commit().ok());
  { const AtomicFile ended = *std::move(first); }
  EXPECT_EQ(save(path_, "second"), absl::OkStatus());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(AtomicFileTest, SaysWhyAPathIsNoGood) {
  EXPECT_EQ(save(folder_, "").message(), folder_ + ": expected a regular file, got a folder");
  const std::string nowhere = folder_ + "/missing/file";
  EXPECT_EQ(save(nowhere, "").message(),
            nowhere + ": cannot open its folder: No such file or directory");
  EXPECT_EQ(save(nowhere, "").code(), absl::StatusCode::kNotFound);
  write_file(path_, "");
  EXPECT_EQ(save(path_ + "/file", "").message(),
            path_ + "/file: cannot open its folder: Not a directory");
  EXPECT_EQ(save("", "").code(), absl::StatusCode::kNotFound);
}

TEST_F(AtomicFileTest, RefusesAPathThatTheSystemWouldCutAtANul) {
  write_file(path_, "old");
  EXPECT_EQ(save(path_ + std::string("\0.new", 5), "new"),
            absl::InvalidArgumentError(
                path_ + "\\000.new: expected a path without a NUL character, got one with it"));
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_FALSE(exists(temporary_));
}

TEST_F(AtomicFileTest, SaysThatAFolderCannotBeWrittenTo) {
  ASSERT_EQ(chmod(folder_.c_str(), 0555), 0);
  in_child_without_privileges([&] {
    const absl::Status status = save(path_, "new");
    return status.code() == absl::StatusCode::kPermissionDenied &&
           status.message() == path_ + ": cannot create " + temporary_ + ": Permission denied";
  });
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  EXPECT_EQ(rmdir(folder_.c_str()), 0);  // so it is empty
}

TEST_F(AtomicFileTest, KeepsTheOldFileWhenTheSystemWritesOnlyAPart) {
  write_file(path_, "old");
  for (size_t size : {5000, 1 << 20}) {  // at commit, and before
    in_child([&] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{4096, 4096};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
      return save(path_, std::string(size, 'x')).message() ==
             path_ + ": cannot write " + temporary_ + ": File too large";
    });
    EXPECT_EQ(read_file(path_), "old");
    EXPECT_FALSE(exists(temporary_));
  }
}

TEST_F(AtomicFileTest, ReplacesASymbolicLink) {
  write_file(folder_ + "/target", "old");
  ASSERT_EQ(symlink("target", path_.c_str()), 0);
  ASSERT_TRUE(save(path_, "new").ok());
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_EQ(read_file(folder_ + "/target"), "old");
}

TEST(InputFileTest, ReadsAtAnyOffsetAndNotBeyondTheEnd) {
  const std::string path = test::new_folder() + "/file";
  write_file(path, "0123456789");
  const absl::StatusOr<InputFile> file = InputFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 10);
  char bytes[4];
  ASSERT_TRUE(file->read(6, bytes, 4).ok());
  EXPECT_EQ(std::string(bytes, 4), "6789");
  EXPECT_EQ(file->read(7, bytes, 4).message(),
            path + ": offset 7: expected 4 bytes, got 3, where the file ends");
}

TEST(InputFileTest, RefusesWhatIsNoFile) {
  const std::string folder = test::new_folder();
  EXPECT_EQ(InputFile::open(folder).status().message(),
            folder + ": expected a regular file, got a folder");
  EXPECT_EQ(InputFile::open(folder + "/missing").status().message(),
            folder + "/missing: cannot open: No such file or directory");
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(InputFile::open(pipe).status().message(),
            pipe + ": expected a regular file, got another kind");
}

TEST(InputFileTest, RefusesAPathThatTheSystemWouldCutAtANul) {
  const std::string path = test::new_folder() + "/file";
  write_file(path, "0123456789");
  EXPECT_EQ(InputFile::open(path + std::string("\0.csv", 5)).status(),
            absl::InvalidArgumentError(
                path + "\\000.csv: expected a path without a NUL character, got one with it"));
}

TEST(InputFileTest, ReadsOnFromWhereItIs) {
  const std::string path = test::new_folder() + "/file";
  write_file(path, "0123456789");
  absl::StatusOr<InputFile> file = InputFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  char bytes[4];
  EXPECT_EQ(*file->read(bytes, 4), 4);
  EXPECT_EQ(std::string(bytes, 4), "0123");
  ASSERT_TRUE(file->read(1, bytes, 2).ok());  // elsewhere, which is another matter
  file->seek(file->position() + 3);
  EXPECT_EQ(*file->read(bytes, 4), 3);
  EXPECT_EQ(std::string(bytes, 3), "789");
  EXPECT_EQ(*file->read(bytes, 4), 0);
}

TEST(InputFileTest, RefusesWhatMayNotBeRead) {
  const std::string path = test::new_folder() + "/file";
  write_file(path, "secret");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  in_child_without_privileges([&] {
    const absl::Status status = InputFile::open(path).status();
    return status.code() == absl::StatusCode::kPermissionDenied &&
           status.message() == path + ": cannot open: Permission denied";
  });
}

TEST(WindowTest, ShowsAndReadsTheSameBytesAsTheFile) {
  const std::string path = test::new_folder() + "/file";
  std::string all;
  for (int i = 0; i < 30000; ++i) all.push_back(static_cast<char>(i * 7 + i / 256));
  write_file(path, all);
  const absl::StatusOr<InputFile> file = InputFile::open(path);
  Window window(*file);
  for (int64_t offset : {0, 10, 8180, 8192, 20, 29990, 30000, 15000}) {
    for (int64_t size : {0, 1, 20, 8192}) {
      EXPECT_EQ(*window.view(offset, size), all.substr(offset, size)) << offset << " " << size;
      std::string bytes(std::min<int64_t>(size, 30000 - offset), '\0');
      ASSERT_TRUE(window.read(offset, bytes.data(), static_cast<int64_t>(bytes.size())).ok());
      EXPECT_EQ(bytes, all.substr(offset, size));
    }
  }
  std::string bytes(10, '\0');
  EXPECT_FALSE(window.read(29995, bytes.data(), 10).ok());
}

}  // namespace
}  // namespace lamina::serialization
