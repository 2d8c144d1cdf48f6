#include "lamina/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "lamina/nn/dropout.h"
#include "lamina/nn/init.h"

namespace lamina::nn {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

Tensor joined(const Tensor& a, const Tensor& b, int64_t dim) {
  const std::vector<Tensor> both{a, b};
  return cat(absl::Span<const Tensor>(both), dim);
}

// (queries, keys): 0 where query i, which is number first + i, may look, else -infinity.
Tensor causal_mask(int64_t queries, int64_t keys, int64_t first, DType dtype) {
  return triu(full({queries, keys}, kNever, dtype), first + 1);
}

// A mask as something to add; `blocks`: whether true means that a query must not look.
Tensor to_add(const char* name, const Tensor& mask, bool blocks, DType dtype) {
  if (is_floating(mask.dtype())) return mask;
  if (mask.dtype() != bool_) {
    fail<DTypeError>(name, "expected a bool or floating mask, got ", name_of(mask.dtype()));
  }
  return masked_fill(zeros(mask.shape(), dtype), blocks ? mask : logical_not(mask), kNever);
}

Tensor plus(const Tensor& a, const Tensor& b) { return a.defined() ? a + b : b; }

void check_expands(const char* name, const char* what, const Tensor& mask, const Shape& wanted) {
  Shape shape;
  if (broadcast_shapes(mask.shape(), wanted, &shape) && shape == wanted) return;
  fail<ShapeError>(name, "expected ", what, " that expands to ", wanted.str(), ", got ",
                   mask.shape().str());
}

// The weights (..., queries, keys).
Tensor attention_weights(const Tensor& query, const Tensor& key, double scale, const Tensor& mask) {
  const Tensor scores = matmul(query * scale, key.transpose(-2, -1));
  return softmax(mask.defined() ? scores + mask : scores, -1);
}

}  // namespace

Tensor functional::scaled_dot_product_attention(const Tensor& query, const Tensor& key,
                                                const Tensor& value,
                                                const AttentionOptions& options) {
  constexpr const char* kName = "scaled_dot_product_attention";
  for (const Tensor* x : {&query, &key, &value}) check_defined(kName, x->data());
  internal::check_probability(kName, "dropout", options.dropout_p);
  if (query.dim() < 2 || key.dim() < 2 || value.dim() < 2 || query.size(-1) != key.size(-1) ||
      key.size(-2) != value.size(-2)) {
    fail<ShapeError>(kName,
                     "expected query (..., queries, d), key (..., keys, d) and value (..., "
                     "keys, e), got ",
                     query.shape().str(), ", ", key.shape().str(), " and ", value.shape().str());
  }
  const int64_t queries = query.size(-2), keys = key.size(-2);
  Tensor mask;
  if (options.attn_mask.defined()) {
    mask = to_add(kName, options.attn_mask, false, query.dtype());
  }
  if (options.is_causal) mask = plus(mask, causal_mask(queries, keys, 0, query.dtype()));
  const double scale = options.scale.value_or(
      1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, query.size(-1)))));
  Tensor weights = attention_weights(query, key, scale, mask);
  if (options.dropout_p > 0) weights = functional::dropout(weights, options.dropout_p);
  return matmul(weights, value);
}

// ---- KeyValueCache

void KeyValueCache::append(const Tensor& key, const Tensor& value) {
  constexpr const char* kName = "KeyValueCache";
  const int64_t tokens = key.size(2);
  const auto grown = [&](const Tensor& old, const Tensor& more) {
    if (old.defined() && length_ > 0) {
      Shape wanted = more.shape();
      wanted[2] = old.size(2);
      if (old.shape() != wanted || old.dtype() != more.dtype()) {
        fail<ShapeError>(kName, "expected keys and values of one batch, heads and features, got ",
                         more.shape().str(), " after ", old.shape().str());
      }
      if (length_ + tokens <= old.size(2)) return old;
    } else if (old.defined() && old.shape()[2] >= tokens) {
      Shape wanted = more.shape();
      wanted[2] = old.size(2);
      if (old.shape() == wanted && old.dtype() == more.dtype()) return old;
    }
    Shape shape = more.shape();
    shape[2] = std::max<int64_t>(16, 2 * (length_ + tokens));
    Tensor bigger = empty(shape, more.dtype());
    if (length_ > 0) bigger.narrow(2, 0, length_).copy_(old.narrow(2, 0, length_));
    return bigger;
  };
  const Tensor k = grown(key_, key), v = grown(value_, value);
  k.narrow(2, length_, tokens).copy_(key);
  v.narrow(2, length_, tokens).copy_(value);
  key_ = k;
  value_ = v;
  length_ += tokens;
}

// ---- MultiheadAttention

namespace {

// The last linear map is the caller's: it may be a module.
MultiheadAttentionResult attend(const char* op, const Tensor& query, const Tensor& key,
                                const Tensor& value, const functional::MultiheadAttentionWeights& w,
                                const MultiheadAttentionCall& call,
                                absl::FunctionRef<Tensor(const Tensor&)> out_projection) {
  const bool one_weight = w.in_proj_weight.defined(), has_bias_kv = w.bias_k.defined();
  const int64_t embed_dim = one_weight ? w.in_proj_weight.size(1) : w.q_proj_weight.size(1);
  const int64_t kdim = one_weight ? embed_dim : w.k_proj_weight.size(1);
  const int64_t vdim = one_weight ? embed_dim : w.v_proj_weight.size(1);
  if (call.cache != nullptr) {
    if (is_grad_enabled()) {
      fail<RuntimeError>(op,
                         "expected a call with a cache to record no gradients: use it under "
                         "NoGradGuard");
    }
    if (has_bias_kv || w.add_zero_attn) {
      fail<ValueError>(op, "expected no cache with add_bias_kv or add_zero_attn, got one");
    }
  }
  for (const Tensor* x : {&query, &key, &value}) check_defined(op, x->data());
  const bool batched = query.dim() == 3;
  const auto batch_first = [&](const Tensor& x) {
    return !batched ? x.unsqueeze(0) : w.batch_first ? x : x.transpose(0, 1);
  };
  const auto fits = [&](const Tensor& x, int64_t features) {
    return x.dim() == query.dim() && x.size(-1) == features;
  };
  if ((query.dim() != 2 && !batched) || !fits(query, embed_dim) || !fits(key, kdim) ||
      !fits(value, vdim)) {
    fail<ShapeError>(op, "expected query (", w.batch_first ? "batch, time, " : "time, batch, ",
                     embed_dim, "), key (..., ", kdim, ") and value (..., ", vdim,
                     "), all with or all without a batch, got ", query.shape().str(), ", ",
                     key.shape().str(), " and ", value.shape().str());
  }
  const Tensor q_in = batch_first(query), k_in = batch_first(key), v_in = batch_first(value);
  const int64_t batch = q_in.size(0), queries = q_in.size(1);
  if (k_in.size(0) != batch || v_in.size(0) != batch || k_in.size(1) != v_in.size(1)) {
    fail<ShapeError>(op, "expected one batch, and as many values as keys, got query ",
                     query.shape().str(), ", key ", key.shape().str(), " and value ",
                     value.shape().str());
  }

  // The three projections; in one product where the operand is the same.
  Tensor q, k, v;
  if (one_weight && query.impl() == key.impl() && key.impl() == value.impl()) {
    const std::vector<Tensor> parts = linear(q_in, w.in_proj_weight, w.in_proj_bias).chunk(3, -1);
    q = parts[0].contiguous();
    k = parts[1].contiguous();
    v = parts[2].contiguous();
  } else {
    const auto project = [&](const Tensor& x, int64_t i, const Tensor& own_weight) {
      const auto part = [&](const Tensor& all) { return all.narrow(0, i * embed_dim, embed_dim); };
      return linear(x, one_weight ? part(w.in_proj_weight) : own_weight,
                    w.in_proj_bias.defined() ? part(w.in_proj_bias) : Tensor());
    };
    q = project(q_in, 0, w.q_proj_weight);
    k = project(k_in, 1, w.k_proj_weight);
    v = project(v_in, 2, w.v_proj_weight);
  }
  int64_t extra = 0;  // keys that no mask speaks of
  if (has_bias_kv) {
    k = joined(k, w.bias_k.expand({batch, 1, embed_dim}), 1);
    v = joined(v, w.bias_v.expand({batch, 1, embed_dim}), 1);
    ++extra;
  }
  const auto heads = [&](const Tensor& x) {  // (batch, heads, time, d)
    return x.view({x.size(0), x.size(1), w.num_heads, embed_dim / w.num_heads}).transpose(1, 2);
  };
  q = heads(q);
  k = heads(k);
  v = heads(v);
  if (w.add_zero_attn) {
    const Tensor nothing = zeros({batch, w.num_heads, 1, embed_dim / w.num_heads}, k.dtype());
    k = joined(k, nothing, 2);
    v = joined(v, nothing, 2);
    ++extra;
  }
  const int64_t before = call.cache != nullptr ? call.cache->length() : 0;  // tokens
  const int64_t keys = before + k.size(2) - extra;

  Tensor mask;
  if (call.attn_mask.defined()) {
    Tensor given = call.attn_mask;
    const Shape per_head{batch * w.num_heads, queries, keys};
    if (given.dim() == 3 && given.shape() == per_head) {
      given = given.view({batch, w.num_heads, queries, keys});
    }
    check_expands(op, "an attn_mask", given, {batch, w.num_heads, queries, keys});
    mask = to_add(op, given, true, q.dtype());
  }
  if (call.key_padding_mask.defined()) {
    const Tensor padding = batched ? call.key_padding_mask : call.key_padding_mask.unsqueeze(0);
    if (padding.shape() != Shape{batch, keys}) {
      fail<ShapeError>(op, "expected a key_padding_mask of shape (", batch, ", ", keys, "), got ",
                       call.key_padding_mask.shape().str());
    }
    mask = plus(mask, to_add(op, padding, true, q.dtype()).view({batch, 1, 1, keys}));
  }
  if (call.is_causal) mask = plus(mask, causal_mask(queries, keys, before, q.dtype()));
  if (mask.defined() && extra > 0) {
    Shape shape = mask.shape();
    shape[shape.rank() - 1] = keys;
    mask = mask.expand(shape);
    shape[shape.rank() - 1] = extra;
    mask = joined(mask, zeros(shape, mask.dtype()), -1);
  }

  if (call.cache != nullptr) {  // now that the call is known to be good
    call.cache->append(k, v);
    k = call.cache->key();
    v = call.cache->value();
  }
  const int64_t width = embed_dim / w.num_heads;  // of a head
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  Tensor weights = attention_weights(q, k, scale, mask);
  if (w.dropout_p > 0) weights = functional::dropout(weights, w.dropout_p);
  const Tensor together = matmul(weights, v).transpose(1, 2).reshape({batch, queries, embed_dim});
  Tensor output = out_projection(together);
  output = !batched ? output.squeeze(0) : w.batch_first ? output : output.transpose(0, 1);
  if (!call.need_weights) return {output, Tensor()};
  if (call.average_attn_weights) weights = weights.mean(1);
  return {output, batched ? weights : weights.squeeze(0)};
}

void check_weights(const char* op, const functional::MultiheadAttentionWeights& w) {
  check_defined(op, w.out_proj_weight.data());
  const int64_t e = w.out_proj_weight.size(0);
  const auto check = [&](const char* name, const Tensor& x, const Shape& wanted, bool is_needed) {
    if (x.defined() ? x.shape() == wanted : !is_needed) return;
    fail<ShapeError>(op, "expected ", name, " ", wanted.str(), ", got ",
                     x.defined() ? x.shape().str() : "none");
  };
  if (w.num_heads < 1 || e < 1 || e % w.num_heads != 0) {
    fail<ValueError>(op, "expected heads that divide embed_dim, both at least 1, got embed_dim ", e,
                     " and num_heads ", w.num_heads);
  }
  const auto columns = [](const Tensor& x) { return x.defined() && x.dim() > 1 ? x.size(1) : 0; };
  const bool three = !w.in_proj_weight.defined();
  check("out_proj_weight", w.out_proj_weight, {e, e}, true);
  check("out_proj_bias", w.out_proj_bias, {e}, false);
  if (three) {
    check("q_proj_weight", w.q_proj_weight, {e, e}, true);
    check("k_proj_weight", w.k_proj_weight, {e, columns(w.k_proj_weight)}, true);
    check("v_proj_weight", w.v_proj_weight, {e, columns(w.v_proj_weight)}, true);
  } else {
    check("in_proj_weight", w.in_proj_weight, {3 * e, e}, true);
  }
  check("in_proj_bias", w.in_proj_bias, {3 * e}, false);
  check("bias_k", w.bias_k, {1, 1, e}, w.bias_v.defined());
  check("bias_v", w.bias_v, {1, 1, e}, w.bias_k.defined());
  internal::check_probability(op, "dropout", w.dropout_p);
}

MultiheadAttentionOptions checked(int64_t embed_dim, int64_t num_heads,
                                  MultiheadAttentionOptions options) {
  constexpr const char* kName = "MultiheadAttention";
  if (embed_dim < 1 || num_heads < 1 || embed_dim % num_heads != 0) {
    fail<ValueError>(kName, "expected heads that divide embed_dim, both at least 1, got embed_dim ",
                     embed_dim, " and num_heads ", num_heads);
  }
  if (options.kdim < 0 || options.vdim < 0) {
    fail<ValueError>(kName, "expected kdim and vdim of at least 0, got ", options.kdim, " and ",
                     options.vdim);
  }
  internal::check_probability(kName, "dropout", options.dropout);
  check_floating(kName, options.dtype);
  if (options.kdim == 0) options.kdim = embed_dim;
  if (options.vdim == 0) options.vdim = embed_dim;
  return options;
}

}  // namespace

MultiheadAttention::MultiheadAttention(int64_t embed_dim, int64_t num_heads,
                                       const MultiheadAttentionOptions& options)
    : num_heads_(num_heads),
      options_(checked(embed_dim, num_heads, options)),
      projections_([&] {
        std::vector<Parameter> all;
        const DType dtype = options_.dtype;
        if (options_.kdim == embed_dim && options_.vdim == embed_dim) {
          all.emplace_back(this, "in_proj_weight", empty({3 * embed_dim, embed_dim}, dtype));
        } else {
          all.emplace_back(this, "q_proj_weight", empty({embed_dim, embed_dim}, dtype));
          all.emplace_back(this, "k_proj_weight", empty({embed_dim, options_.kdim}, dtype));
          all.emplace_back(this, "v_proj_weight", empty({embed_dim, options_.vdim}, dtype));
        }
        return all;
      }()),
      in_proj_bias_(this, "in_proj_bias",
                    options.bias ? empty(3 * embed_dim, options.dtype) : Tensor()),
      out_proj_(this, "out_proj", embed_dim, embed_dim,
                LinearOptions{.bias = options.bias, .dtype = options.dtype}) {
  if (options.add_bias_kv) {
    bias_kv_.emplace_back(this, "bias_k", empty({1, 1, embed_dim}, options.dtype));
    bias_kv_.emplace_back(this, "bias_v", empty({1, 1, embed_dim}, options.dtype));
  }
  reset_parameters();
}

void MultiheadAttention::reset_parameters() {
  out_proj_->reset_parameters();
  for (const Parameter& weight : projections_) init::xavier_uniform_(weight);
  for (const Parameter& bias : bias_kv_) init::xavier_normal_(bias);
  if (in_proj_bias_.defined()) {
    init::zeros_(in_proj_bias_);
    init::zeros_(out_proj_->bias);
  }
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Tensor& attn_mask) {
  return (*this)(x, x, x, {.need_weights = false, .attn_mask = attn_mask}).output;
}

MultiheadAttentionResult MultiheadAttention::forward(const Tensor& query, const Tensor& key,
                                                     const Tensor& value,
                                                     const MultiheadAttentionCall& call) {
  functional::MultiheadAttentionWeights weights = {num_heads_};
  if (projections_.size() == 1) {
    weights.in_proj_weight = projections_[0];
  } else {
    weights.q_proj_weight = projections_[0];
    weights.k_proj_weight = projections_[1];
    weights.v_proj_weight = projections_[2];
  }
  weights.in_proj_bias = in_proj_bias_;
  if (!bias_kv_.empty()) {
    weights.bias_k = bias_kv_[0];
    weights.bias_v = bias_kv_[1];
  }
  weights.add_zero_attn = options_.add_zero_attn;
  weights.dropout_p = is_training() ? options_.dropout : 0;
  weights.batch_first = options_.batch_first;
  return attend("MultiheadAttention", query, key, value, weights, call,
                [&](const Tensor& x) { return out_proj_(x); });
}

MultiheadAttentionResult functional::multi_head_attention_forward(
    const Tensor& query, const Tensor& key, const Tensor& value,
    const MultiheadAttentionWeights& weights, const MultiheadAttentionCall& call) {
  constexpr const char* kName = "multi_head_attention_forward";
  check_weights(kName, weights);
  return attend(kName, query, key, value, weights, call, [&](const Tensor& x) {
    return linear(x, weights.out_proj_weight, weights.out_proj_bias);
  });
}

}  // namespace lamina::nn
