// A fuzz target without libFuzzer, which g++ does not have: replay N FILE... gives it the files, and then N
// inputs that come of them by changes at random, always the same.
//
// The input at hand is in the test's outputs (bazel-testlogs/.../test.outputs), where a failure leaves it.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "lamina/tests/fuzz/fuzzing.h"

namespace {

std::mt19937& random_numbers() {
  static auto& numbers = *new std::mt19937(1);
  return numbers;
}

size_t below(size_t n) { return random_numbers()() % n; }

// Writes the input down, then gives it to the target.
void run(const std::string& input, int copy) {
  const auto size = static_cast<ssize_t>(input.size());
  lamina::fuzz::require(pwrite(copy, input.data(), input.size(), 0) == size &&
                            ftruncate(copy, static_cast<off_t>(size)) == 0,
                        "to write the input down");
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

// Sets, inserts, repeats or erases a few bytes.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  constexpr unsigned char kInteresting[] = {0, 1, 2, 7, 8, '"', ',', '0', '[', 0x7f, 0x80, 0xff};
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (size_t n = 1 + below(3); n > 0; --n) {
    const size_t at = below(bytes.size() + 1);
    const size_t kind = at == bytes.size() ? 3 : below(5);
    if (kind == 0) bytes[at] = static_cast<char>(below(256));
    if (kind == 1) bytes[at] = static_cast<char>(kInteresting[below(sizeof(kInteresting))]);
    if (kind == 2) bytes.erase(at, 1 + below(8));
    if (kind == 3) bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
    if (kind == 4) bytes.insert(at, bytes.substr(below(bytes.size()), below(30)));
  }
  return lamina::fuzz::give(bytes, data, max_size);
}

int main(int argc, char** argv) {
  using lamina::fuzz::accepted, lamina::fuzz::refused, lamina::fuzz::require;
  require(argc > 2, "the number of changes, and files");
  const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  const std::string path = std::string(folder == nullptr ? "." : folder) + "/input";
  const int copy = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  require(copy >= 0, "a folder for the input at hand");
  std::vector<std::string> seeds;
  for (int i = 2; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    require(static_cast<bool>(in), "files that can be read");
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    run(seeds.back(), copy);
  }
  require(refused == 0, "seeds that the parser accepts");

  accepted = refused = 0;
  const int count = std::atoi(argv[1]);
  for (int i = 0; i < count; ++i) {
    std::string input = seeds[below(seeds.size())];
    const size_t size = input.size();
    input.resize(2 * size + 256);
    const size_t changed = LLVMFuzzerCustomMutator(reinterpret_cast<uint8_t*>(input.data()), size,
                                                   input.size(), random_numbers()());
    input.resize(changed);
    run(input, copy);
  }
  std::printf("%lld accepted, %lld refused\n", static_cast<long long>(accepted),
              static_cast<long long>(refused));
  // Of the changes there are enough that a parser must refuse, and that get past all checks.
  require(accepted > count / 200 && refused > count / 200, "some accepted and some refused");
  std::remove(path.c_str());
  return 0;
}
