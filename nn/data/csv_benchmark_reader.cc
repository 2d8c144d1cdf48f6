// For csv_benchmark.py: reads a CSV file some times, each timed (processor time), and prints what is in it.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "lamina/nn/data/csv.h"
#include "lamina/tensor.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  lamina::set_num_threads(1);
  const int runs = std::atoi(argv[2]);
  for (int run = 0; run < runs; ++run) {
    const std::clock_t start = std::clock();
    const auto table = lamina::nn::data::read_csv(argv[1]);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (!table.ok()) {
      std::fprintf(stderr, "%s\n", table.status().ToString().c_str());
      return 1;
    }
    std::printf("seconds %.4f\n", seconds);
    if (run + 1 < runs) continue;
    for (const auto& column : table->columns) {
      if (column.is_categorical()) {
        std::printf("categories %zu codes %lld\n", column.categories.size(),
                    static_cast<long long>(column.values.sum().item<int64_t>()));
      } else {
        double sum = 0;
        long long missing = 0;
        for (double value : column.values.data().span<double>()) {
          value == value ? sum += value : ++missing;
        }
        std::printf("missing %lld sum %.17g\n", missing, sum);
      }
    }
  }
  return 0;
}
