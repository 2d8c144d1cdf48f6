#include "lamina/tensor/kernels/gemm.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/kernels/targets_testing.h"
#include "lamina/tensor/parallel.h"

namespace lamina::kernels {
namespace {

constexpr float kCanary = -12345.5f;
constexpr float kInf = std::numeric_limits<float>::infinity();

enum class Layout {
  kRows,
  kColumns,
  kRowsWithGaps,
  kColumnsWithGaps,
  kSpread,
  kReversed,
  kSameRows,
  kSameColumns
};
constexpr Layout kInputLayouts[] = {
    Layout::kRows,   Layout::kColumns,  Layout::kRowsWithGaps, Layout::kColumnsWithGaps,
    Layout::kSpread, Layout::kReversed, Layout::kSameRows,     Layout::kSameColumns};
constexpr Layout kOutputLayouts[] = {Layout::kRows,         Layout::kColumns,
                                     Layout::kRowsWithGaps, Layout::kColumnsWithGaps,
                                     Layout::kSpread,       Layout::kReversed};

// A matrix in memory that ends where the elements end, so that AddressSanitizer sees every read
// beyond it; elements between those of the matrix are NaN.
struct Matrix {
  int64_t rows, columns, row = 0, column = 0, origin = 0;
  std::vector<float> memory;

  Matrix(int64_t r, int64_t c, Layout layout, std::mt19937& random, float fill = std::nanf(""))
      : rows(r), columns(c) {
    switch (layout) {
      case Layout::kRows:
        row = c, column = 1;
        break;
      case Layout::kColumns:
        row = 1, column = r;
        break;
      case Layout::kRowsWithGaps:
        row = c + 3, column = 1;
        break;
      case Layout::kColumnsWithGaps:
        row = 1, column = r + 5;
        break;
      case Layout::kSpread:
        row = 3 * c + 1, column = 3;
        break;
      case Layout::kReversed:
        row = -c, column = -1;
        break;
      case Layout::kSameRows:
        row = 0, column = 1;
        break;
      case Layout::kSameColumns:
        row = 1, column = 0;
        break;
    }
    int64_t low = 0, high = 0;
    for (const int64_t extent : {(r - 1) * row, (c - 1) * column})
      (extent < 0 ? low : high) += extent;
    origin = -low;
    memory.assign(r > 0 && c > 0 ? high - low + 1 : 0, fill);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < r; ++i) {
      for (int64_t j = 0; j < c; ++j) at(i, j) = normal(random);
    }
  }
  float& at(int64_t i, int64_t j) { return memory[origin + i * row + j * column]; }
  float* data() { return memory.empty() ? nullptr : memory.data() + origin; }
};

struct Options {
  bool accumulate = false, bias = false, relu = false;
  int64_t bias_stride = 1;
};

GemmArgs arguments(Matrix& a, Matrix& b, Matrix& c, const Options& options = {}) {
  GemmArgs args;
  args.m = c.rows, args.n = c.columns, args.k = a.columns;
  args.a = a.data(), args.a_row = a.row, args.a_col = a.column;
  args.b = b.data(), args.b_row = b.row, args.b_col = b.column;
  args.c = c.data(), args.c_row = c.row, args.c_col = c.column;
  args.accumulate = options.accumulate, args.relu = options.relu,
  args.bias_stride = options.bias_stride;
  return args;
}

// Multiplies, and compares with the naive product in double precision. In float each of the k
// multiply-adds, the additions of up to k / 256 panels, C and the bias rounds once, on a value of
// at most sum |a| |b| + |c| + |bias|.
void expect_right(int64_t m, int64_t n, int64_t k, Layout la, Layout lb, Layout lc,
                  const Options& options, std::mt19937& random) {
  SCOPED_TRACE(testing::Message() << m << "x" << k << "x" << n << " layouts " << int(la) << int(lb)
                                  << int(lc) << " accumulate " << options.accumulate << " bias "
                                  << options.bias << " relu " << options.relu);
  Matrix a(m, k, la, random), b(k, n, lb, random), c(m, n, lc, random, kCanary);
  Matrix bias(1, n, options.bias_stride == 1 ? Layout::kRows : Layout::kSpread, random);
  Options with_stride = options;
  with_stride.bias_stride = bias.column;
  Matrix before = c;
  GemmArgs args = arguments(a, b, c, with_stride);
  if (options.bias) args.bias = bias.data();
  gemm(args);

  // Dense copies and rows of sums, since this loop takes the test's time.
  std::vector<double> dense_b(k * n), sums(n), sizes(n);
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t j = 0; j < n; ++j) dense_b[p * n + j] = b.at(p, j);
  }
  std::vector<bool> belongs(c.memory.size());
  int64_t wrong = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      sums[j] = (options.accumulate ? before.at(i, j) : 0) + (options.bias ? bias.at(0, j) : 0.0);
      sizes[j] = (options.accumulate ? std::abs(before.at(i, j)) : 0) +
                 (options.bias ? std::abs(bias.at(0, j)) : 0.0);
    }
    double *sum = sums.data(), *size = sizes.data();
    for (int64_t p = 0; p < k; ++p) {
      const double x = a.at(i, p), *row = dense_b.data() + p * n;
      for (int64_t j = 0; j < n; ++j) {
        const double product = x * row[j];
        sum[j] += product;
        size[j] += product < 0 ? -product : product;
      }
    }
    for (int64_t j = 0; j < n; ++j) {
      const double want = options.relu ? std::max(sum[j], 0.0) : sum[j];
      const double bound = static_cast<double>(k + 4 + k / 256) * 0x1p-24 * size[j];
      if (!(std::abs(c.at(i, j) - want) <= bound) && ++wrong <= 3) {
        ADD_FAILURE() << "C(" << i << ", " << j << ") is " << c.at(i, j) << ", expected " << want
                      << " +- " << bound;
      }
      belongs[c.origin + i * c.row + j * c.column] = true;
    }
  }
  EXPECT_EQ(wrong, 0);
  for (size_t i = 0; i < belongs.size(); ++i) {
    ASSERT_TRUE(belongs[i] || c.memory[i] == kCanary)
        << "wrote between the elements of C, at " << i;
  }
}

// Every test runs on every instruction set that this binary has and this processor supports.
class Gemm : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    set_num_threads(1);
  }
  std::mt19937 random{7};
};

INSTANTIATE_TEST_SUITE_P(Targets, Gemm, testing::ValuesIn(usable_targets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

TEST_P(Gemm, AgreesWithTheNaiveProductAtEverySmallSize) {
  for (int64_t m = 1; m <= 17; ++m) {
    for (int64_t n = 1; n <= 35; n += n < 6 ? 1 : 3) {
      for (const int64_t k : {1, 2, 5, 16, 19}) {
        expect_right(m, n, k, Layout::kRows, Layout::kRows, Layout::kRows, {}, random);
        expect_right(m, n, k, Layout::kColumns, Layout::kColumns, Layout::kRows, {}, random);
      }
    }
  }
}

TEST_P(Gemm, AgreesWithTheNaiveProductAtRandomSizesLayoutsAndOptions) {
  for (int round = 0; round < 1500; ++round) {
    const auto size = [&] { return static_cast<int64_t>(random() % 41); };
    const int64_t m = size(), n = size(), k = size();
    Options options;
    options.accumulate = random() % 2, options.bias = random() % 2, options.relu = random() % 2;
    options.bias_stride = random() % 2 + 1;
    expect_right(m, n, k, kInputLayouts[random() % 8], kInputLayouts[random() % 8],
                 kOutputLayouts[random() % 6], options, random);
  }
}

TEST_P(Gemm, AgreesWithTheNaiveProductInEveryCombinationOfLayouts) {
  for (const Layout la : kInputLayouts) {
    for (const Layout lb : kInputLayouts) {
      for (const Layout lc : kOutputLayouts)
        expect_right(47, 43, 71, la, lb, lc, {true, true, false, 3}, random);
    }
  }
}

TEST_P(Gemm, AgreesWithTheNaiveProductAtLargerPrimes) {
  const Layout some[] = {Layout::kRows, Layout::kColumns, Layout::kSpread};
  for (const Layout la : some) {
    for (const Layout lb : some) {
      for (const Layout lc : {Layout::kRows, Layout::kColumns}) {
        expect_right(97, 131, 601, la, lb, lc, {false, true, true, 1},
                     random);  // two panels along k
        expect_right(53, 311, 149, la, lb, lc, {}, random);
      }
    }
  }
  expect_right(241, 1061, 29, Layout::kRows, Layout::kRows, Layout::kRows, {},
               random);  // two blocks of columns
  expect_right(241, 1061, 29, Layout::kRows, Layout::kColumns, Layout::kRows, {}, random);
  // Rows of A that are 4 KiB apart, and spread ones.
  expect_right(31, 261, 1024, Layout::kRows, Layout::kRows, Layout::kRows, {}, random);
  expect_right(31, 97, 600, Layout::kSpread, Layout::kRows, Layout::kRows, {}, random);
  expect_right(131, 67, 1031, Layout::kColumns, Layout::kColumns, Layout::kRows,
               {true, true, true, 1}, random);
  expect_right(523, 69, 131, Layout::kRows, Layout::kRows, Layout::kColumns, {}, random);
}

TEST_P(Gemm, AgreesWithTheNaiveProductForVectorsAndFewRowsOrColumns) {
  for (const Layout large :
       {Layout::kRows, Layout::kColumns, Layout::kRowsWithGaps, Layout::kSpread}) {
    for (const Layout few : {Layout::kRows, Layout::kColumns, Layout::kSpread}) {
      for (const int64_t rows : {1, 2, 3, 4, 10, 13}) {
        for (const Options& options :
             {Options{true, false, true, 1}, Options{false, true, false, 2}}) {
          expect_right(rows, 275, 211, few, large, Layout::kRows, options, random);
          expect_right(275, rows, 211, large, few, Layout::kRows, options, random);
          expect_right(rows, 7, 2203, few, large, Layout::kRows, options, random);
          expect_right(9, rows, 401, large, few, Layout::kSpread, options, random);
        }
      }
    }
  }
}

TEST_P(Gemm, GivesTheSameBitsAtAnyNumberOfThreads) {
  struct Case {
    int64_t m, n, k;
    Layout a, b;
  };
  for (const Case& s : {Case{257, 521, 401, Layout::kRows, Layout::kRows},
                        Case{100, 300, 784, Layout::kRows, Layout::kColumns},
                        Case{1, 1031, 1999, Layout::kRows, Layout::kColumns},
                        Case{1, 2053, 999, Layout::kRows, Layout::kRows},
                        Case{3, 2053, 999, Layout::kRows, Layout::kRows},
                        Case{999, 10, 301, Layout::kRows, Layout::kRows},
                        Case{300, 784, 100, Layout::kColumns, Layout::kRows},
                        Case{1283, 37, 64, Layout::kSpread, Layout::kSpread}}) {
    SCOPED_TRACE(testing::Message() << s.m << "x" << s.k << "x" << s.n);
    Matrix a(s.m, s.k, s.a, random), b(s.k, s.n, s.b, random), one(s.m, s.n, Layout::kRows, random);
    set_num_threads(1);
    gemm(arguments(a, b, one));
    for (const int threads : {2, 3}) {
      Matrix many(s.m, s.n, Layout::kRows, random);
      set_num_threads(threads);
      gemm(arguments(a, b, many));
      EXPECT_EQ(
          std::memcmp(one.memory.data(), many.memory.data(), one.memory.size() * sizeof(float)), 0)
          << threads;
    }
  }
}

TEST_P(Gemm, GivesTheSameBitsForABatchAtAnyNumberOfThreads) {
  Matrix a(24 * 64, 32, Layout::kRows, random), b(24 * 32, 64, Layout::kRows, random);
  Matrix one(24 * 64, 64, Layout::kRows, random), many = one;
  const auto run = [&](Matrix& c) {
    GemmArgs args = arguments(a, b, c);
    args.m = 64;
    gemm_batched(args, 24, 64 * 32, 32 * 64, 64 * 64);
  };
  set_num_threads(1);
  run(one);
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    run(many);
    EXPECT_EQ(std::memcmp(one.memory.data(), many.memory.data(), one.memory.size() * sizeof(float)),
              0)
        << threads;
  }
}

TEST_P(Gemm, MayBeCalledByManyThreadsAtOnce) {
  set_num_threads(2);
  Matrix a(150, 401, Layout::kRows, random), b(401, 150, Layout::kColumns, random),
      want(150, 150, Layout::kRows, random);
  gemm(arguments(a, b, want));
  std::vector<Matrix> results(4, Matrix(150, 150, Layout::kRows, random));
  std::vector<std::thread> threads;
  for (Matrix& c : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) gemm(arguments(a, b, c));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Matrix& c : results) EXPECT_EQ(c.memory, want.memory);
}

TEST_P(Gemm, GivesARowTheSameBitsWhateverOtherRowsThereAre) {
  Matrix a(100, 784, Layout::kRows, random), b(784, 300, Layout::kRows, random),
      all(100, 300, Layout::kRows, random);
  gemm(arguments(a, b, all));
  for (const int64_t rows : {1, 2, 5, 14, 37, 99}) {
    Matrix some(rows, 300, Layout::kRows, random);
    gemm(arguments(a, b, some));
    EXPECT_TRUE(std::equal(some.memory.begin(), some.memory.end(), all.memory.begin())) << rows;
  }
}

TEST_P(Gemm, SumsNothingToZeroAndStillAddsTheBias) {
  float c[] = {9, 9, 9, 9, kCanary}, bias[] = {-1, 2};
  GemmArgs args;
  args.m = args.n = 2;
  args.c = c, args.c_row = 2, args.c_col = 1;
  gemm(args);
  EXPECT_EQ(std::vector<float>(c, c + 5), (std::vector<float>{0, 0, 0, 0, kCanary}));
  args.bias = bias;
  gemm(args);
  EXPECT_EQ(std::vector<float>(c, c + 5), (std::vector<float>{-1, 2, -1, 2, kCanary}));
  args.accumulate = args.relu = true;
  gemm(args);
  EXPECT_EQ(std::vector<float>(c, c + 5), (std::vector<float>{0, 4, 0, 4, kCanary}));
  args.bias = nullptr;
  gemm(args);
  EXPECT_EQ(std::vector<float>(c, c + 5), (std::vector<float>{0, 4, 0, 4, kCanary}));
}

TEST_P(Gemm, DoesNothingWithoutRowsOrColumns) {
  GemmArgs args;  // every pointer is null
  args.k = 3;
  args.m = 4;
  gemm(args);
  args.m = 0, args.n = 4;
  gemm(args);
  gemm_batched(args, 3, 0, 0, 0);
  args.m = 4;
  gemm_batched(args, 0, 0, 0, 0);
}

TEST_P(Gemm, PropagatesNanAndInfinityAndDoesNotSkipZeros) {
  for (const int64_t n : {1, 3, 40, 300}) {
    for (const int64_t m : {1, 3, 40}) {
      for (const Layout layout : {Layout::kRows, Layout::kColumns}) {
        Matrix a(m, 70, Layout::kRows, random), b(70, n, layout, random),
            c(m, n, Layout::kRows, random);
        a.at(m - 1, 3) = 0.0f;
        for (int64_t j = 0; j < n; ++j) b.at(3, j) = kInf;  // 0 * inf is NaN
        a.at(0, 69) = m > 1 ? kInf : a.at(0, 69);
        GemmArgs args = arguments(a, b, c);
        args.relu = true;
        gemm(args);
        EXPECT_TRUE(std::isnan(c.at(m - 1, n - 1)));
        for (int64_t i = 0; i + 1 < m; ++i)
          EXPECT_FALSE(std::isfinite(c.at(i, 0)) && a.at(i, 3) > 0);
      }
    }
  }
}

TEST_P(Gemm, MultipliesBatchesWithAnyBatchStride) {
  const int64_t batch = 5, m = 6, n = 9, k = 7;
  Matrix a(batch * m, k, Layout::kRows, random), b(batch * k, n, Layout::kRows, random);
  for (const int64_t a_batch : {m * k, int64_t{0}, -m * k}) {
    for (const int64_t b_batch : {k * n, int64_t{0}, -k * n}) {
      Matrix c(batch * m, n, Layout::kRows, random), want(batch * m, n, Layout::kRows, random);
      GemmArgs args = arguments(a, b, c);
      args.m = m;
      if (a_batch < 0) args.a += (batch - 1) * m * k;
      if (b_batch < 0) args.b += (batch - 1) * k * n;
      gemm_batched(args, batch, a_batch, b_batch, m * n);
      for (int64_t t = 0; t < batch; ++t) {
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t p = 0; p < k; ++p) {
              sum +=
                  double{args.a[t * a_batch + i * k + p]} * double{args.b[t * b_batch + p * n + j]};
            }
            EXPECT_NEAR(c.at(t * m + i, j), sum, 1e-5) << t << " " << i << " " << j;
          }
        }
      }
    }
  }
}

// Three mapped pages of which the outer ones may not be touched: the operands touch one or the
// other.
class GuardedPage {
 public:
  GuardedPage() : page_(sysconf(_SC_PAGESIZE)) {
    base_ =
        static_cast<char*>(mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + page_, page_, PROT_READ | PROT_WRITE);
  }
  ~GuardedPage() { munmap(base_, 3 * page_); }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;
  float* put(int64_t floats, bool at_end) {
    float* p = reinterpret_cast<float*>(base_ + page_ +
                                        (at_end ? page_ - floats * int64_t{sizeof(float)} : 0));
    std::fill(p, p + floats, 1.0f);
    return p;
  }

 private:
  int64_t page_;
  char* base_;
};

TEST_P(Gemm, TouchesNoByteOutsideItsOperands) {
  GuardedPage a, b, c;
  for (const int64_t m : {1, 2, 3, 7, 14, 15, 19, 31}) {
    for (const int64_t n : {1, 3, 7, 16, 17, 31, 32}) {
      for (const int64_t k : {1, 3, 6, 17, 31}) {
        for (int variant = 0; variant < 16; ++variant) {
          const bool at_end = variant & 1, at = variant & 2, bt = variant & 4, ct = variant & 8;
          GemmArgs args;
          args.m = m, args.n = n, args.k = k;
          args.a = a.put(m * k, at_end), args.a_row = at ? 1 : k, args.a_col = at ? m : 1;
          args.b = b.put(k * n, at_end), args.b_row = bt ? 1 : n, args.b_col = bt ? k : 1;
          args.c = c.put(m * n, at_end), args.c_row = ct ? 1 : n, args.c_col = ct ? m : 1;
          gemm(args);
          for (int64_t i = 0; i < m * n; ++i) ASSERT_EQ(args.c[i], static_cast<float>(k));
        }
      }
    }
  }
}

}  // namespace
}  // namespace lamina::kernels
