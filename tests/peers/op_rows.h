// The rows of op_bench, written once for Lamina and for LibTorch: each prints its name and the best
// time in microseconds, or the memory in MiB that its name ends in.
//
// Before it includes this file, a program makes `peer` a name of its library's namespace and
// defines what differs:
//   Tensor labels(int64_t n, int64_t classes);   // random, int64 (n)
//   Tensor mean_cross_entropy(const Tensor& logits, const Tensor& labels);
//   void clear_grad(Tensor& leaf);
//   Tensor rows_of(const Tensor& weight, const Tensor& ids);   // the rows ids of weight
//   Tensor conv3x3(const Tensor& x, const Tensor& weight, const Tensor& bias);   // padding 1
//   Tensor layer_normed(const Tensor& x, const Tensor& weight, const Tensor& bias);   // rows
//   Tensor batch_normed(const Tensor& x, const Tensor& weight, const Tensor& bias,   // in training
//                       const Tensor& running_mean, const Tensor& running_var);
//   void set_gradient(Tensor& leaf, Tensor gradient);
//   AdamW adamw_of(std::vector<Tensor> leaves);         // with lr 1e-3
//   SGD momentum_sgd_of(std::vector<Tensor> leaves);    // the same, and momentum 0.9
#ifndef LAMINA_TESTS_PEERS_OP_ROWS_H_
#define LAMINA_TESTS_PEERS_OP_ROWS_H_

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace peers {

// Measures the rows whose names contain `filter`.
class OpBench {
 public:
  explicit OpBench(std::string filter) : filter_(std::move(filter)) {}

  void run_all() {
    peer::manual_seed(0);
    if (filter_ == kChainMemory) return chain_memory();
    dispatch();
    normalization();
    optimizers();
    const peer::NoGradGuard no_grad;
    pointwise();
    reductions();
    products();
    images();
    random();
  }

 private:
  using Tensor = peer::Tensor;
  static constexpr const char* kChainMemory = "chain_1M_add_peak_MiB";

  // By how much forward and backward through 1,000,000 operations raise the most memory that the
  // process ever had. Runs alone, when asked for by its whole name.
  static void chain_memory() {
    const auto peak = [] {
      rusage usage;
      getrusage(RUSAGE_SELF, &usage);
      return static_cast<double>(usage.ru_maxrss) / 1024;  // KiB to MiB
    };
    const Tensor a = peer::ones({1}).requires_grad_();
    (a + a).backward();  // what the library itself sets up
    const double before = peak();
    Tensor c = a + a;
    for (int i = 1; i < 1000000; ++i) c = c + a;
    c.backward();
    std::printf("%-34s %12.3f\n", kChainMemory, peak() - before);
  }

  // Seconds of the fastest of several calls, a third of a second of them.
  template <class F>
  static double best_of(int calls, const F& f) {
    using Clock = std::chrono::steady_clock;
    f();
    double best = 1e9;
    const auto begin = Clock::now();
    for (int i = 0; i < 5 || Clock::now() - begin < std::chrono::milliseconds(300); ++i) {
      const auto start = Clock::now();
      for (int c = 0; c < calls; ++c) f();
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count() / calls);
    }
    return best;
  }
  template <class F>
  void row(const std::string& name, const F& f, int calls = 1) const {
    if (name.find(filter_) == std::string::npos) return;
    std::printf("%-34s %12.3f\n", name.c_str(), best_of(calls, f) * 1e6);
    std::fflush(stdout);
  }

  // What an operation costs beside its arithmetic.
  void dispatch() const {
    const Tensor one = peer::ones({1}), leaf = peer::ones({1}).requires_grad_();
    const Tensor square = peer::ones({16, 16}).requires_grad_();
    {
      const peer::NoGradGuard no_grad;
      row(
          "add_1_nograd", [&] { return one + one; }, 1000);
    }
    row(
        "add_1_grad", [&] { return leaf + one; }, 1000);
    row("chain_1000_add_fwd_bwd", [&] {
      Tensor y = leaf + leaf;
      for (int i = 0; i < 999; ++i) y = y + leaf;
      y.backward();
    });
    row("chain_1000_mul_16x16_fwd_bwd", [&] {
      Tensor y = square * square;
      for (int i = 0; i < 999; ++i) y = y * square;
      y.sum().backward();
    });
    Tensor logits = peer::randn({768, 65}).requires_grad_();
    const Tensor target = labels(768, 65);
    row("cross_entropy_768x65_fwd_bwd", [&] {
      mean_cross_entropy(logits, target).backward();
      clear_grad(logits);
    });
    Tensor g = peer::randn({1000, 1000}).requires_grad_();
    row("gelu_1M_fwd_bwd", [&] {
      peer::gelu(g).sum().backward();
      clear_grad(g);
    });
    Tensor s = peer::randn({1000, 1000}).requires_grad_();
    row("softmax_1M_fwd_bwd", [&] {
      s.softmax(1).sum().backward();
      clear_grad(s);
    });
    Tensor x = peer::randn({100, 16, 14, 14}).requires_grad_();
    Tensor w = peer::randn({32, 16, 3, 3}).requires_grad_(), b = peer::randn({32}).requires_grad_();
    row("conv_100x16x14x14_fwd_bwd", [&] {
      conv3x3(x, w, b).sum().backward();
      clear_grad(x);
      clear_grad(w);
      clear_grad(b);
    });
  }

  // Forward and backward, with gradients of the input, the weight and the bias.
  void normalization() const {
    const auto forward_and_backward = [this](const std::string& name, Tensor x, int64_t parameters,
                                             const auto& f) {
      x.requires_grad_();
      Tensor w = peer::ones({parameters}).requires_grad_();
      Tensor b = peer::zeros({parameters}).requires_grad_();
      row(name, [&] {
        f(x, w, b).sum().backward();
        clear_grad(x);
        clear_grad(w);
        clear_grad(b);
      });
    };
    forward_and_backward("layernorm_768x128_fwd_bwd", peer::randn({768, 128}), 128, layer_normed);
    const Tensor mean = peer::zeros({64}), variance = peer::ones({64});
    forward_and_backward("batchnorm_100x64x14x14_fwd_bwd", peer::randn({100, 64, 14, 14}), 64,
                         [&](const Tensor& x, const Tensor& w, const Tensor& b) {
                           return batch_normed(x, w, b, mean, variance);
                         });
  }

  void optimizers() const {
    std::vector<Tensor> leaves;
    for (int i = 0; i < 50; ++i) {
      leaves.push_back(peer::randn({128, 512}).requires_grad_());
      set_gradient(leaves.back(), peer::randn({128, 512}));
    }
    auto adamw = adamw_of(leaves);
    row("adamw_50x128x512_step", [&] { adamw.step(); });
    auto sgd = momentum_sgd_of(leaves);
    row("sgdm_50x128x512_step", [&] { sgd.step(); });
  }

  void pointwise() const {
    const Tensor x = peer::randn({1000, 1000}), y = peer::randn({1000, 1000});
    const Tensor r = peer::randn({1000}), c = peer::randn({1000, 1});
    row("add_1M", [&] { return x + y; });
    row("add_bcast_row_1M", [&] { return x + r; });
    row("add_bcast_col_1M", [&] { return x + c; });
    row("add_transposed_1M", [&] { return x + y.t(); });
    row("contiguous_transpose_1M", [&] { return x.t().contiguous(); });
    row("exp_1M", [&] { return x.exp(); });
    row("tanh_1M", [&] { return x.tanh(); });
    row("sigmoid_1M", [&] { return x.sigmoid(); });
    row("gelu_1M", [&] { return peer::gelu(x); });
    row("relu_1M", [&] { return x.relu(); });
    const Tensor p = peer::randn({8, 16, 64, 64});
    row("permute_contig_8x16x64x64", [&] { return p.permute({0, 2, 1, 3}).contiguous(); });
  }

  void reductions() const {
    const Tensor x = peer::randn({1000, 1000});
    row("sum_all_1M", [&] { return x.sum(); });
    row("sum_dim0_1M", [&] { return x.sum(0); });
    row("sum_dim1_1M", [&] { return x.sum(1); });
    row("max_dim1_1M", [&] { return x.max(1); });
    row("var_dim0_1M", [&] { return x.var(0, true); });  // `true` is a correction of 1
    row("softmax_1000x1000", [&] { return x.softmax(1); });
    row("logsoftmax_1000x1000", [&] { return x.log_softmax(1); });
  }

  void products() const {
    for (const int64_t n : {64, 256, 512, 1024}) {
      const Tensor a = peer::randn({n, n}), b = peer::randn({n, n});
      row("matmul_" + std::to_string(n), [&] { return a.matmul(b); });
    }
    const struct { int64_t rows, in, out; } layers[] = {{100, 784, 300}, {768, 128, 512}};
    for (const auto& s : layers) {
      const Tensor x = peer::randn({s.rows, s.in}), w = peer::randn({s.out, s.in});
      const Tensor b = peer::randn({s.out});
      row("linear_" + std::to_string(s.rows) + "x" + std::to_string(s.in) + "x" +
              std::to_string(s.out),
          [&] { return peer::linear(x, w, b); });
    }
    const Tensor a = peer::randn({48, 64, 32}), b = peer::randn({48, 32, 64});
    const Tensor weight = peer::randn({10000, 128}), ids = labels(4096, 10000);
    row("embedding_4096x128", [&] { return rows_of(weight, ids); });
    row("bmm_48x64x32x64", [&] { return a.matmul(b); });
  }

  void images() const {
    const struct { int64_t images, in, size, out; } layers[] = {{100, 16, 14, 32}, {8, 64, 56, 64}};
    for (const auto& s : layers) {
      const Tensor x = peer::randn({s.images, s.in, s.size, s.size});
      const Tensor w = peer::randn({s.out, s.in, 3, 3}), b = peer::randn({s.out});
      row("conv_" + std::to_string(s.images) + "x" + std::to_string(s.in) + "x" +
              std::to_string(s.size) + "x" + std::to_string(s.size) + "_" + std::to_string(s.out) +
              "x3x3",
          [&] { return conv3x3(x, w, b); });
    }
    const Tensor x = peer::randn({100, 16, 28, 28});
    row("maxpool2_100x16x28x28", [&] { return peer::max_pool2d(x, 2); });
  }

  void random() const {
    row("randn_1M", [] { return peer::randn({1000, 1000}); });
    row("rand_1M", [] { return peer::rand({1000, 1000}); });
  }

  std::string filter_;
};

}  // namespace peers

#endif  // LAMINA_TESTS_PEERS_OP_ROWS_H_
