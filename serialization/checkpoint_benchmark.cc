// Saving and loading 1,000 MiB beside what the system takes for the same bytes, and beside LibTorch, in one
// run: medians of times and of the ratios within a round.
//
//   checkpoint_benchmark [--folder=/tmp] [--rounds=5] [--libtorch=PROGRAM] [--check]
//
// --check exits with 1 if a limit is missed: on a quiet machine. PROGRAM is libtorch_checkpoint_bench;
// //tests/peers:checkpoints builds it and hands it on.
//
// All files are in the page cache when they are read. A load has to fill memory that the system hands out,
// and clears, page by page; so what stands beside it is one read() into such memory, by the same allocator.
// Reading the file 1 MiB at a time into one buffer, which stays in the processor's cache, is listed as well.
// dd writes 256 KiB at a time, as we do: Linux took several times longer for 1 MiB where this was measured.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/tensor.h"

namespace lamina {
namespace {

constexpr int64_t kMiB = 1 << 20;

// Of several chunks, of one, and small: 1,000 MiB.
NamedArrays make_state() {
  NamedArrays state;
  const auto add = [&](int count, int64_t mebibytes) {
    for (int i = 0; i < count; ++i) {
      NDArray array = NDArray::empty({mebibytes, kMiB / 4}, float32);
      float* const elements = array.data<float>();
      for (int64_t j = 0; j < array.numel(); ++j) {
        elements[j] = static_cast<float>(j * 7 % 1000003) + static_cast<float>(i);
      }
      state.emplace_back(absl::StrCat("array", state.size()), array);
    }
  };
  add(8, 64);
  add(60, 8);
  add(8, 1);
  return state;
}

int64_t bytes_of(const NamedArrays& state) {
  int64_t bytes = 0;
  for (const auto& [name, array] : state) bytes += array->numel() * size_of(array->dtype());
  return bytes;
}

void require(bool holds, const std::string& what) {
  if (holds) return;
  absl::FPrintF(stderr, "checkpoint_benchmark: %s\n", what);
  std::exit(2);
}
void require(const absl::Status& status) { require(status.ok(), status.ToString()); }

double seconds_of(const std::function<void()>& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Loads once; with `fresh`, into memory that the system has to hand out.
double load(const std::string& path, bool fresh, int threads) {
  const int before = get_num_threads();
  set_num_threads(threads);
  if (fresh) empty_cache();
  absl::StatusOr<NamedArrays> state;
  const double seconds = seconds_of([&] { state = load_checkpoint(path); });
  require(state.status());
  set_num_threads(before);
  return seconds;
}

// Reads the whole file, `piece` bytes at a time to the same place; 0: at once.
double read_plainly(const std::string& path, int64_t size, int64_t piece) {
  if (piece == 0) piece = size;
  empty_cache();
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(file >= 0, "cannot open " + path);
  const double seconds = seconds_of([&] {
    NDArray to = NDArray::empty({piece}, uint8);
    for (int64_t done = 0; done < size;) {
      // Linux reads at most 2 GiB - 4 KiB at once.
      const ssize_t got = read(file, to.raw_data() + (piece == size ? done : 0),
                               static_cast<size_t>(std::min(piece, size - done)));
      require(got > 0, "cannot read " + path);
      done += got;
    }
  });
  close(file);
  return seconds;
}

// The figure in KiB behind `name` in /proc/self/status, in bytes.
int64_t memory_in(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, name + ":")) return std::atoll(line.c_str() + name.size() + 1) << 10;
  }
  require(false, "no " + name + " in /proc/self/status");
  return 0;
}

// What f ever has in memory, in bytes, beyond what stays of it: in a process of its own.
int64_t peak_memory_of(const std::function<NamedArrays()>& f) {
  int ends[2];
  require(pipe(ends) == 0, "no pipe");
  const pid_t child = fork();
  if (child == 0) {
    empty_cache();
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak becomes what is in memory now
    const NamedArrays stays = f();
    const int64_t peak = memory_in("VmHWM") - memory_in("VmRSS");
    require(write(ends[1], &peak, sizeof(peak)) == sizeof(peak), "cannot write to a pipe");
    _exit(0);
  }
  int64_t peak = 0;
  close(ends[1]);
  require(read(ends[0], &peak, sizeof(peak)) == sizeof(peak), "a measurement of memory failed");
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return peak;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

class Table {
 public:
  explicit Table(int64_t bytes) : bytes_(bytes) {}

  void add(const std::string& row, double seconds) { seconds_[row].push_back(seconds); }
  bool has(const std::string& row) const { return seconds_.count(row) > 0; }

  double middle(const std::string& row) const { return median(seconds_.at(row)); }

  void print(const std::string& row) const {
    const std::vector<double>& all = seconds_.at(row);
    absl::PrintF("%-34s %8.4f s %7.2f GB/s   %8.4f s at best\n", row, median(all),
                 static_cast<double>(bytes_) / median(all) / 1e9,
                 *std::min_element(all.begin(), all.end()));
  }
  // The speed of one as a multiple of the other's, and whether it is at least `limit`.
  bool compare(const std::string& row, const std::string& other, double limit) const {
    std::vector<double> ratios;
    for (size_t i = 0; i < seconds_.at(row).size(); ++i) {
      ratios.push_back(seconds_.at(other)[i] / seconds_.at(row)[i]);
    }
    return within(absl::StrCat(row, " / ", other), median(ratios), limit, false);
  }
  // `limit` 0: none.
  static bool within(const std::string& what, double value, double limit, bool is_most) {
    const bool holds = limit == 0 || (is_most ? value <= limit : value >= limit);
    const std::string wanted =
        limit == 0 ? "" : absl::StrFormat("%s %.4g", is_most ? "at most" : "at least", limit);
    absl::PrintF("%-62s %9.2f  %s%s\n", what, value, wanted, holds ? "" : "   MISSED");
    return holds;
  }

 private:
  int64_t bytes_;
  std::map<std::string, std::vector<double>> seconds_;
};

struct Options {
  std::string folder = "/tmp";
  std::string libtorch;
  int rounds = 5;
  bool check = false;
};

// The program's lines are rows: "libtorch_save 1.234".
void run_libtorch(const Options& options, Table* table) {
  FILE* const out = popen(absl::StrCat(options.libtorch, " ", options.folder).c_str(), "r");
  require(out != nullptr, "cannot run " + options.libtorch);
  char row[64];
  double seconds;
  while (std::fscanf(out, "%63s %lf", row, &seconds) == 2) table->add(row, seconds);
  require(pclose(out) == 0, options.libtorch + " failed");
}

int run(const Options& options) {
  const std::string model = options.folder + "/benchmark.ckpt";  // read, and the source of dd
  const std::string saved = options.folder + "/benchmark_saved.ckpt";
  const std::string copied = options.folder + "/benchmark_dd.ckpt";
  const NamedArrays state = make_state();
  require(save_checkpoint(model, state));
  const int64_t size = std::ifstream(model, std::ios::ate | std::ios::binary).tellg();
  const int threads = get_num_threads();
  absl::PrintF("%d MiB in %d arrays, %d threads, medians of %d rounds\n\n", bytes_of(state) / kMiB,
               state.size(), threads, options.rounds);

  Table table(size);
  std::vector<std::function<void()>> jobs = {
      [&] { table.add("read, 1 MiB buffer", read_plainly(model, size, kMiB)); },
      [&] { table.add("read, fresh memory", read_plainly(model, size, 0)); },
      [&] { table.add("load, fresh memory", load(model, true, threads)); },
      [&] { table.add("load, fresh memory, one thread", load(model, true, 1)); },
      [&] {
        load(model, true, threads);
        table.add("load, memory used before", load(model, false, threads));
      },
      [&] {
        table.add("open, mapped",
                  seconds_of([&] { require(MappedCheckpoint::open(model).status()); }));
      },
      [&] { table.add("save", seconds_of([&] { require(save_checkpoint(saved, state)); })); },
      [&] {
        const std::string dd =
            absl::StrCat("dd if=", model, " of=", copied, " bs=256K conv=fsync status=none");
        table.add("dd conv=fsync", seconds_of([&] { require(std::system(dd.c_str()) == 0, dd); }));
      }};
  if (!options.libtorch.empty()) jobs.push_back([&] { run_libtorch(options, &table); });
  for (int round = 0; round < options.rounds; ++round) {
    for (const auto& job : jobs) {
      job();
      unlink(saved.c_str());
      unlink(copied.c_str());
    }
    std::reverse(jobs.begin(), jobs.end());  // who comes later may find the machine otherwise
  }
  const int64_t load_peak = peak_memory_of([&] {
    absl::StatusOr<NamedArrays> loaded = load_checkpoint(model);
    require(loaded.status());
    return *std::move(loaded);
  });
  const int64_t save_peak = peak_memory_of([&] {
    require(save_checkpoint(saved, state));
    return NamedArrays();
  });
  unlink(model.c_str());
  unlink(saved.c_str());

  for (const char* row :
       {"dd conv=fsync", "save", "read, 1 MiB buffer", "read, fresh memory", "load, fresh memory",
        "load, fresh memory, one thread", "load, memory used before"}) {
    table.print(row);
  }
  const bool beside_libtorch = table.has("libtorch_save_fsync");
  if (beside_libtorch) {
    for (const char* row : {"libtorch_save", "libtorch_save_fsync", "libtorch_load"})
      table.print(row);
  }
  std::printf("\n");
  bool holds = table.compare("save", "dd conv=fsync", 0.6);
  holds &= table.compare("load, fresh memory", "read, fresh memory", 0.6);
  table.compare("load, fresh memory, one thread", "read, fresh memory", 0);
  table.compare("load, fresh memory", "read, 1 MiB buffer", 0);
  holds &= table.compare("load, memory used before", "read, 1 MiB buffer", 0.6);
  if (beside_libtorch) {
    holds &= table.compare("save", "libtorch_save_fsync", 1);
    table.compare("save", "libtorch_save", 0);
    holds &= table.compare("load, fresh memory", "libtorch_load", 1);
  }
  holds &= Table::within("open, mapped, milliseconds", 1e3 * table.middle("open, mapped"), 5, true);
  const auto memory = [](const std::string& of, int64_t bytes) {
    return Table::within("memory of " + of + " beyond the arrays, MiB",
                         static_cast<double>(bytes) / kMiB, 64, true);  // two chunks
  };
  holds &= memory("load", load_peak);
  holds &= memory("save", save_peak);
  return options.check && !holds ? 1 : 0;
}

}  // namespace
}  // namespace lamina

int main(int argc, char** argv) {
  lamina::Options options;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view arg = argv[i];
    const auto value = [&] { return std::string(arg.substr(arg.find('=') + 1)); };
    if (absl::StartsWith(arg, "--folder=")) {
      options.folder = value();
    } else if (absl::StartsWith(arg, "--rounds=")) {
      options.rounds = std::max(1, std::atoi(value().c_str()));
    } else if (absl::StartsWith(arg, "--libtorch=")) {
      options.libtorch = value();
    } else if (arg == "--check") {
      options.check = true;
    } else {
      std::fprintf(stderr,
                   "usage: checkpoint_benchmark [--folder=/tmp] [--rounds=5] [--libtorch=PROGRAM] "
                   "[--check]\n");
      return 2;
    }
  }
  return lamina::run(options);
}
