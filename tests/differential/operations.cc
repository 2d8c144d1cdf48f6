// Every operation by name, with the arguments in the order of its declaration: for NDArray and for Tensor.
#include "lamina/tests/differential/arguments.h"

namespace lamina::differential {
namespace {

template <class A>
using Table = std::map<std::string, Operation<A>>;

#define LAMINA_ONE(op) \
  table[#op] = [](const Arguments<A>& a) -> std::vector<A> { return {op(a.array(0))}; }
// Two arrays, or an array and a Scalar on either side.
#define LAMINA_TWO(op)                                        \
  table[#op] = [](const Arguments<A>& a) -> std::vector<A> {  \
    if (!a.is_array(1)) return {op(a.array(0), a.scalar(1))}; \
    if (!a.is_array(0)) return {op(a.scalar(0), a.array(1))}; \
    return {op(a.array(0), a.array(1))};                      \
  }
// Written to a copy of the first array that has its layout.
#define LAMINA_IN_PLACE(op, ...)                             \
  table[#op] = [](const Arguments<A>& a) -> std::vector<A> { \
    NDArray x = a.array(0);                                  \
    x.op(__VA_ARGS__);                                       \
    return {x};                                              \
  }
#define LAMINA_CALL(name, ...) \
  table[name] = [](const Arguments<A>& a) -> std::vector<A> { return __VA_ARGS__; }

template <class A>
void add_elementwise(Table<A>& table) {
  LAMINA_TWO(add);
  LAMINA_TWO(sub);
  LAMINA_TWO(mul);
  LAMINA_TWO(div);
  LAMINA_TWO(pow);
  LAMINA_TWO(fmod);
  LAMINA_TWO(remainder);
  LAMINA_TWO(maximum);
  LAMINA_TWO(minimum);
  LAMINA_TWO(atan2);
  LAMINA_TWO(eq);
  LAMINA_TWO(ne);
  LAMINA_TWO(lt);
  LAMINA_TWO(le);
  LAMINA_TWO(gt);
  LAMINA_TWO(ge);
  LAMINA_TWO(logical_and);
  LAMINA_TWO(logical_or);
  LAMINA_TWO(logical_xor);
  LAMINA_TWO(bitwise_and);
  LAMINA_TWO(bitwise_or);
  LAMINA_TWO(bitwise_xor);
  LAMINA_TWO(clamp_min);
  LAMINA_TWO(clamp_max);
  LAMINA_ONE(logical_not);
  LAMINA_ONE(bitwise_not);
  LAMINA_ONE(isnan);
  LAMINA_ONE(isinf);
  LAMINA_ONE(isfinite);
  LAMINA_ONE(neg);
  LAMINA_ONE(abs);
  LAMINA_ONE(sign);
  LAMINA_ONE(square);
  LAMINA_ONE(relu);
  LAMINA_ONE(floor);
  LAMINA_ONE(ceil);
  LAMINA_ONE(round);
  LAMINA_ONE(trunc);
  LAMINA_ONE(frac);
  LAMINA_ONE(exp);
  LAMINA_ONE(expm1);
  LAMINA_ONE(log);
  LAMINA_ONE(log1p);
  LAMINA_ONE(log2);
  LAMINA_ONE(sqrt);
  LAMINA_ONE(rsqrt);
  LAMINA_ONE(reciprocal);
  LAMINA_ONE(sin);
  LAMINA_ONE(cos);
  LAMINA_ONE(tan);
  LAMINA_ONE(asin);
  LAMINA_ONE(acos);
  LAMINA_ONE(atan);
  LAMINA_ONE(sinh);
  LAMINA_ONE(cosh);
  LAMINA_ONE(tanh);
  LAMINA_ONE(sigmoid);
  LAMINA_ONE(erf);
  LAMINA_ONE(erfc);
  LAMINA_CALL("clamp", {a.is_array(1) ? clamp(a.array(0), a.array(1), a.array(2))
                                      : clamp(a.array(0), a.scalar(1), a.scalar(2))});
  LAMINA_CALL("lerp", {a.is_array(2) ? lerp(a.array(0), a.array(1), a.array(2))
                                     : lerp(a.array(0), a.array(1), a.scalar(2))});
  LAMINA_CALL("addcmul", {addcmul(a.array(0), a.array(1), a.array(2), a.scalar(3))});
  LAMINA_CALL("addcdiv", {addcdiv(a.array(0), a.array(1), a.array(2), a.scalar(3))});
  LAMINA_CALL("where", {where(a.array(0), a.array(1), a.array(2))});
}

// NDArray's alone.
void add_in_place(Table<NDArray>& table) {
  using A = NDArray;
  LAMINA_IN_PLACE(add_, a.array(1));
  LAMINA_IN_PLACE(sub_, a.array(1));
  LAMINA_IN_PLACE(mul_, a.array(1));
  LAMINA_IN_PLACE(div_, a.array(1));
  LAMINA_IN_PLACE(exp_);
  LAMINA_IN_PLACE(neg_);
  LAMINA_IN_PLACE(clamp_, a.scalar(1), a.scalar(2));
  LAMINA_IN_PLACE(fill_, a.scalar(1));
  LAMINA_IN_PLACE(copy_, a.array(1));
}

// Written to the tensor itself, which is the result: graphs go on with it.
void add_in_place(Table<Tensor>& table) {
  using A = Tensor;
#define LAMINA_WRITE(op, ...) LAMINA_CALL(#op, {a.array(0).op(__VA_ARGS__)})
#define LAMINA_WRITE_TWO(op) \
  LAMINA_CALL(#op, {a.is_array(1) ? a.array(0).op(a.array(1)) : a.array(0).op(a.scalar(1))})
  LAMINA_CALL("add_", {a.has(2)        ? a.array(0).add_(a.array(1), a.get(2, "F").number)
                       : a.is_array(1) ? a.array(0).add_(a.array(1))
                                       : a.array(0).add_(a.scalar(1))});
  LAMINA_WRITE_TWO(sub_);
  LAMINA_WRITE_TWO(mul_);
  LAMINA_WRITE_TWO(div_);
  LAMINA_WRITE_TWO(pow_);
  LAMINA_WRITE(neg_);
  LAMINA_WRITE(abs_);
  LAMINA_WRITE(square_);
  LAMINA_WRITE(relu_);
  LAMINA_WRITE(exp_);
  LAMINA_WRITE(sin_);
  LAMINA_WRITE(tanh_);
  LAMINA_WRITE(sigmoid_);
  LAMINA_WRITE(clamp_, a.scalar(1), a.scalar(2));
  LAMINA_WRITE(fill_, a.scalar(1));
  LAMINA_WRITE(copy_, a.array(1));
  LAMINA_CALL("masked_fill_", {a.is_array(2) ? a.array(0).masked_fill_(a.array(1), a.array(2))
                                             : a.array(0).masked_fill_(a.array(1), a.scalar(2))});
  LAMINA_WRITE(lerp_, a.array(1), a.scalar(2));
  LAMINA_WRITE(addcmul_, a.array(1), a.array(2), a.scalar(3));
  LAMINA_WRITE(index_put_, {a.array(1)}, a.array(2), a.flag(3));
  LAMINA_WRITE(scatter_, a.integer(1), a.array(2), a.array(3));
  LAMINA_WRITE(scatter_add_, a.integer(1), a.array(2), a.array(3));
  LAMINA_WRITE(index_add_, a.integer(1), a.array(2), a.array(3));
#undef LAMINA_WRITE
#undef LAMINA_WRITE_TWO
}

template <class A>
void add_reductions(Table<A>& table) {
#define LAMINA_DIMS(op) LAMINA_CALL(#op, {op(a.array(0), a.list(1), a.flag(2))})
#define LAMINA_ALL_OR_DIM(op) \
  LAMINA_CALL(#op, {a.has(1) ? op(a.array(0), a.integer(1), a.flag(2)) : op(a.array(0))})
#define LAMINA_EXTREME(op)                                       \
  table[#op] = [](const Arguments<A>& a) -> std::vector<A> {     \
    if (!a.has(1)) return {op(a.array(0))};                      \
    const auto result = op(a.array(0), a.integer(1), a.flag(2)); \
    return {result.values, result.indices};                      \
  }
  LAMINA_DIMS(sum);
  LAMINA_DIMS(mean);
  LAMINA_DIMS(amax);
  LAMINA_DIMS(amin);
  LAMINA_DIMS(logsumexp);
  LAMINA_EXTREME(max);
  LAMINA_EXTREME(min);
  LAMINA_ALL_OR_DIM(argmax);
  LAMINA_ALL_OR_DIM(argmin);
  LAMINA_ALL_OR_DIM(prod);
  LAMINA_ALL_OR_DIM(all);
  LAMINA_ALL_OR_DIM(any);
  LAMINA_CALL("var", {var(a.array(0), a.list(1), a.integer(2), a.flag(3))});
  LAMINA_CALL("std", {std(a.array(0), a.list(1), a.integer(2), a.flag(3))});
  LAMINA_CALL("norm", {norm(a.array(0), a.scalar(1), a.list(2), a.flag(3))});
  LAMINA_CALL("count_nonzero", {count_nonzero(a.array(0), a.list(1))});
  LAMINA_CALL("softmax", {softmax(a.array(0), a.integer(1))});
  LAMINA_CALL("log_softmax", {log_softmax(a.array(0), a.integer(1))});
  LAMINA_CALL("cumsum", {cumsum(a.array(0), a.integer(1))});
  LAMINA_CALL("cumprod", {cumprod(a.array(0), a.integer(1))});
  table["sort"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto result = sort(a.array(0), a.integer(1), a.flag(2));
    return {result.values, result.indices};
  };
  LAMINA_CALL("argsort", {argsort(a.array(0), a.integer(1), a.flag(2))});
  table["topk"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto result = topk(a.array(0), a.integer(1), a.integer(2), a.flag(3));
    return {result.values, result.indices};
  };
  table["unique"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto result = unique(a.array(0), true, true);
    return {result.values, result.inverse, result.counts};
  };
}

template <class A>
void add_products(Table<A>& table) {
  LAMINA_CALL("matmul", {matmul(a.array(0), a.array(1))});
  LAMINA_CALL("bmm", {bmm(a.array(0), a.array(1))});
  LAMINA_CALL("mm", {mm(a.array(0), a.array(1))});
  LAMINA_CALL("mv", {mv(a.array(0), a.array(1))});
  LAMINA_CALL("dot", {dot(a.array(0), a.array(1))});
  LAMINA_CALL("outer", {outer(a.array(0), a.array(1))});
  LAMINA_CALL("linear", {a.has(2) ? linear(a.array(0), a.array(1), a.array(2))
                                  : linear(a.array(0), a.array(1))});
  LAMINA_CALL("addmm", {addmm(a.array(0), a.array(1), a.array(2), a.scalar(3), a.scalar(4))});
  LAMINA_CALL("einsum", {einsum(a.text(0), a.arrays(1))});
  LAMINA_CALL("trace", {trace(a.array(0))});
  LAMINA_CALL("tril", {tril(a.array(0), a.integer(1))});
  LAMINA_CALL("triu", {triu(a.array(0), a.integer(1))});
  LAMINA_CALL("cholesky", {cholesky(a.array(0))});
  LAMINA_CALL("solve", {solve(a.array(0), a.array(1))});
  LAMINA_CALL("inverse", {inverse(a.array(0))});
  LAMINA_CALL("det", {det(a.array(0))});
  table["qr_product"] =
      [](const Arguments<A>& a) -> std::vector<A> {  // signs are not unique, the product is
    const auto result = qr(a.array(0));
    return {matmul(result.q, result.r), matmul(transpose(result.q, -1, -2), result.q)};
  };
  table["svd_values"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto result = svd(a.array(0));
    return {result.s, matmul(mul(result.u, unsqueeze(result.s, -2)), result.vt)};
  };
}

template <class A>
void add_movement(Table<A>& table) {
  LAMINA_CALL("view", {view(a.array(0), a.list(1))});
  LAMINA_CALL("reshape", {reshape(a.array(0), a.list(1))});
  LAMINA_CALL("flatten", {flatten(a.array(0), a.integer(1), a.integer(2))});
  LAMINA_CALL("unflatten", {unflatten(a.array(0), a.integer(1), a.list(2))});
  LAMINA_CALL("permute", {permute(a.array(0), a.list(1))});
  LAMINA_CALL("movedim", {movedim(a.array(0), a.list(1), a.list(2))});
  LAMINA_CALL("transpose", {transpose(a.array(0), a.integer(1), a.integer(2))});
  LAMINA_CALL("t", {t(a.array(0))});
  LAMINA_CALL("expand", {expand(a.array(0), a.list(1))});
  LAMINA_CALL("broadcast_to", {broadcast_to(a.array(0), a.list(1))});
  LAMINA_CALL("squeeze", {a.has(1) ? squeeze(a.array(0), a.integer(1)) : squeeze(a.array(0))});
  LAMINA_CALL("unsqueeze", {unsqueeze(a.array(0), a.integer(1))});
  LAMINA_CALL("narrow", {narrow(a.array(0), a.integer(1), a.integer(2), a.integer(3))});
  LAMINA_CALL("select", {select(a.array(0), a.integer(1), a.integer(2))});
  LAMINA_CALL("slice", {slice(a.array(0), a.integer(1), a.integer(2), a.integer(3), a.integer(4))});
  LAMINA_CALL("diagonal", {diagonal(a.array(0), a.integer(1), a.integer(2), a.integer(3))});
  LAMINA_CALL("as_strided", {as_strided(a.array(0), a.list(1), a.list(2), a.integer(3))});
  LAMINA_CALL("contiguous", {contiguous(a.array(0))});
  LAMINA_CALL("clone", {clone(a.array(0))});
  LAMINA_CALL("to", {to(a.array(0), a.dtype(1))});
  LAMINA_CALL("sum_to", {sum_to(a.array(0), a.list(1))});
  LAMINA_CALL("flip", {flip(a.array(0), a.list(1))});
  LAMINA_CALL("roll", {roll(a.array(0), a.list(1), a.list(2))});
  LAMINA_CALL("repeat", {repeat(a.array(0), a.list(1))});
  LAMINA_CALL("tile", {tile(a.array(0), a.list(1))});
  LAMINA_CALL("chunk", chunk(a.array(0), a.integer(1), a.integer(2)));
  LAMINA_CALL("split", a.get(1, "IL").kind == 'I'
                           ? split(a.array(0), a.integer(1), a.integer(2))
                           : split(a.array(0), absl::Span<const int64_t>(a.list(1)), a.integer(2)));
  LAMINA_CALL("unbind", unbind(a.array(0), a.integer(1)));
  LAMINA_CALL("cat", {cat(a.arrays(0), a.integer(1))});
  LAMINA_CALL("stack", {stack(a.arrays(0), a.integer(1))});
  table["pad"] = [](const Arguments<A>& a) -> std::vector<A> {
    const std::string& mode = a.text(2);
    return {pad(a.array(0), a.list(1),
                mode == "reflect"     ? PadMode::kReflect
                : mode == "replicate" ? PadMode::kReplicate
                : mode == "circular"  ? PadMode::kCircular
                                      : PadMode::kConstant,
                a.scalar(3))};
  };
  table["unfold"] = [](const Arguments<A>& a) -> std::vector<A> {
    UnfoldOptions options;
    options.dilation = a.list(2);
    options.padding = a.list(3);
    options.stride = a.list(4);
    return {unfold(a.array(0), a.list(1), options)};
  };
  table["fold"] = [](const Arguments<A>& a) -> std::vector<A> {
    UnfoldOptions options;
    options.dilation = a.list(3);
    options.padding = a.list(4);
    options.stride = a.list(5);
    return {fold(a.array(0), a.list(1), a.list(2), options)};
  };
  LAMINA_CALL("dilate", {dilate(a.array(0), a.list(1), a.integer(2))});
}

// The options of a convolution from argument i on, or of a pooling.
template <class A>
ConvOptions conv_options(const Arguments<A>& a, size_t i) {
  return {a.list(i), a.list(i + 1), a.list(i + 2), a.integer(i + 3)};
}
template <class A>
MaxPoolOptions max_pool_options(const Arguments<A>& a) {
  return {a.list(2), a.list(3), a.list(4), a.flag(5)};
}
template <class A>
AvgPoolOptions avg_pool_options(const Arguments<A>& a) {
  return {a.list(2), a.list(3), a.flag(4), a.flag(5)};
}

template <class A>
void add_images(Table<A>& table) {
  static const auto bias = [](const Arguments<A>& a) { return a.has(2) ? a.array(2) : A(); };
  LAMINA_CALL("conv2d", {conv2d(a.array(0), a.array(1), bias(a), conv_options(a, 3))});
  LAMINA_CALL("conv1d", {conv1d(a.array(0), a.array(1), bias(a), conv_options(a, 3))});
  table["conv_transpose2d"] = [](const Arguments<A>& a) -> std::vector<A> {
    const ConvTransposeOptions options{a.list(3), a.list(4), a.list(5), a.integer(6), a.list(7)};
    return {conv_transpose2d(a.array(0), a.array(1), bias(a), options)};
  };
  LAMINA_CALL("conv2d_input_gradient",
              {conv2d_input_gradient(a.array(0), a.array(1), a.list(2), conv_options(a, 3))});
  LAMINA_CALL("conv2d_weight_gradient",
              {conv2d_weight_gradient(a.array(0), a.array(1), a.list(2), conv_options(a, 3))});
  LAMINA_CALL("max_pool2d", {max_pool2d(a.array(0), a.list(1), max_pool_options(a))});
  LAMINA_CALL("max_pool1d", {max_pool1d(a.array(0), a.list(1), max_pool_options(a))});
  table["max_pool2d_with_indices"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto y = max_pool2d_with_indices(a.array(0), a.list(1), max_pool_options(a));
    return {y.values, y.indices};
  };
  table["max_pool1d_with_indices"] = [](const Arguments<A>& a) -> std::vector<A> {
    const auto y = max_pool1d_with_indices(a.array(0), a.list(1), max_pool_options(a));
    return {y.values, y.indices};
  };
  LAMINA_CALL("avg_pool2d", {avg_pool2d(a.array(0), a.list(1), avg_pool_options(a))});
  LAMINA_CALL("avg_pool1d", {avg_pool1d(a.array(0), a.list(1), avg_pool_options(a))});
  LAMINA_CALL("adaptive_avg_pool2d", {adaptive_avg_pool2d(a.array(0), a.list(1))});
  table["interpolate"] = [](const Arguments<A>& a) -> std::vector<A> {
    InterpolateOptions options;
    options.size = a.list(1);
    if (a.has(2)) options.scale_factor = {a.scalar(2).template to<double>()};
    options.mode = a.text(3) == "bilinear" ? InterpolateMode::kBilinear : InterpolateMode::kNearest;
    options.align_corners = a.flag(4);
    return {interpolate(a.array(0), options)};
  };
  LAMINA_CALL("pixel_shuffle", {pixel_shuffle(a.array(0), a.integer(1))});
}

template <class A>
void add_indexing(Table<A>& table) {
  LAMINA_CALL("index_select", {index_select(a.array(0), a.integer(1), a.array(2))});
  LAMINA_CALL("index_add", {index_add(a.array(0), a.integer(1), a.array(2), a.array(3))});
  LAMINA_CALL("gather", {gather(a.array(0), a.integer(1), a.array(2))});
  LAMINA_CALL("scatter_add", {scatter_add(a.array(0), a.integer(1), a.array(2), a.array(3))});
  LAMINA_CALL("scatter",
              {a.is_array(3) ? scatter(a.array(0), a.integer(1), a.array(2), a.array(3))
                             : scatter(a.array(0), a.integer(1), a.array(2), a.scalar(3))});
  LAMINA_CALL("take_along_dim", {a.has(2) ? take_along_dim(a.array(0), a.array(1), a.integer(2))
                                          : take_along_dim(a.array(0), a.array(1))});
  LAMINA_CALL("masked_fill", {a.is_array(2) ? masked_fill(a.array(0), a.array(1), a.array(2))
                                            : masked_fill(a.array(0), a.array(1), a.scalar(2))});
  LAMINA_CALL("masked_select", {masked_select(a.array(0), a.array(1))});
  LAMINA_CALL("nonzero", {nonzero(a.array(0))});
  LAMINA_CALL("one_hot", {one_hot(a.array(0), a.integer(1, -1))});
  // The indices that follow: I and T as they are, N for a new dimension, S "..." and "start:end:step", of which
  // each may be missing.
  static const auto indices = [](const Arguments<A>& a, size_t first) {
    std::vector<Index> all;
    for (size_t i = first; i < a.size(); ++i) {
      const Argument<A>& arg = a[i];
      if (arg.kind == 'T') {
        all.emplace_back(arg.arrays[0]);
      } else if (arg.kind == 'I') {
        all.emplace_back(arg.integer);
      } else if (arg.kind == 'N') {
        all.emplace_back(None);
      } else if (a.text(i) == "...") {
        all.emplace_back(Ellipsis);
      } else {
        std::optional<int64_t> part[3];
        size_t from = 0;
        for (auto& p : part) {
          const size_t colon = arg.text.find(':', from);
          const std::string number = arg.text.substr(from, colon - from);
          if (!number.empty()) p = std::stoll(number);
          if (colon == std::string::npos) break;
          from = colon + 1;
        }
        all.emplace_back(Slice(part[0], part[1], part[2].value_or(1)));
      }
    }
    return all;
  };
  LAMINA_CALL("index", {index(a.array(0), indices(a, 1))});
  LAMINA_CALL("index_put",
              {a.is_array(1) ? index_put(a.array(0), indices(a, 3), a.array(1), a.flag(2))
                             : index_put(a.array(0), indices(a, 3), a.scalar(1), a.flag(2))});
}

// NDArray's alone.
void add_creation(Table<NDArray>& table) {
  using A = NDArray;
  LAMINA_CALL("arange", {NDArray::arange(a.scalar(0), a.scalar(1), a.scalar(2))});
  LAMINA_CALL("linspace", {NDArray::linspace(a.scalar(0).to<double>(), a.scalar(1).to<double>(),
                                             a.integer(2), a.dtype(3))});
  LAMINA_CALL("eye", {NDArray::eye(a.integer(0), a.integer(1))});
  LAMINA_CALL("full", {NDArray::full(a.list(0), a.scalar(1), a.dtype(2))});
}

template <class A>
const Table<A>& shared_table() {
  static const Table<A>& table = *[] {
    auto* t = new Table<A>;
    add_elementwise(*t);
    add_reductions(*t);
    add_products(*t);
    add_movement(*t);
    add_images(*t);
    add_indexing(*t);
    return t;
  }();
  return table;
}

}  // namespace

template <>
const std::map<std::string, Operation<NDArray>>& operation_table() {
  static const Table<NDArray>& table = *[] {
    auto* t = new Table<NDArray>(shared_table<NDArray>());
    add_in_place(*t);
    add_creation(*t);
    return t;
  }();
  return table;
}

template <>
const std::map<std::string, Operation<Tensor>>& operation_table() {
  static const Table<Tensor>& table = *[] {
    auto* t = new Table<Tensor>(shared_table<Tensor>());
    add_in_place(*t);
    // Signs of their results are not unique: the graphs use squares of them.
    (*t)["qr"] = [](const Arguments<Tensor>& a) -> std::vector<Tensor> {
      const auto result = qr(a.array(0));
      return {result.q, result.r};
    };
    (*t)["svd"] = [](const Arguments<Tensor>& a) -> std::vector<Tensor> {
      const auto result = svd(a.array(0));
      return {result.u, result.s, result.vt};
    };
    (*t)["cross_entropy"] = [](const Arguments<Tensor>& a) -> std::vector<Tensor> {
      return {cross_entropy(a.array(0), a.array(1))};
    };
    return t;
  }();
  return table;
}

}  // namespace lamina::differential
