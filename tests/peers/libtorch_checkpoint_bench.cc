// LibTorch saving and loading the arrays of serialization/checkpoint_benchmark.cc, which runs this in turn
// with its own jobs: libtorch_checkpoint_bench FOLDER. Built by checkpoints.py, not by Bazel.
//
// torch::save does not make a file durable, so it is timed with an fsync after it as well.
#include <fcntl.h>
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

std::vector<torch::Tensor> make_state() {
  std::vector<torch::Tensor> state;
  const auto add = [&](int count, int64_t mebibytes) {
    for (int i = 0; i < count; ++i) {
      torch::Tensor array = torch::empty({mebibytes, int64_t{1} << 18});
      float* const elements = array.data_ptr<float>();
      for (int64_t j = 0; j < array.numel(); ++j) {
        elements[j] = static_cast<float>(j * 7 % 1000003) + static_cast<float>(i);
      }
      state.push_back(array);
    }
  };
  add(8, 64);
  add(60, 8);
  add(8, 1);
  return state;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: libtorch_checkpoint_bench FOLDER\n");
    return 1;
  }
  const std::string path = std::string(argv[1]) + "/benchmark_libtorch.pt";
  const std::vector<torch::Tensor> state = make_state();
  auto begin = std::chrono::steady_clock::now();
  torch::save(state, path);
  std::printf("libtorch_save %.4f\n", seconds_since(begin));
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0 || fsync(file) != 0) return 1;
  close(file);
  std::printf("libtorch_save_fsync %.4f\n", seconds_since(begin));

  std::vector<torch::Tensor> loaded;
  begin = std::chrono::steady_clock::now();
  torch::load(loaded, path);
  std::printf("libtorch_load %.4f\n", seconds_since(begin));
  unlink(path.c_str());
  return loaded.size() == state.size() && torch::equal(loaded.back(), state.back()) ? 0 : 1;
}
