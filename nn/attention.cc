#include "lamina/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

void check_dropout(const char* name, double p) {
  if (p >= 0 && p <= 1) return;
  fail<ValueError>(name, "expected dropout in [0, 1], got ", p);
}

}  // namespace

Tensor functional::scaled_dot_product_attention(const Tensor& query, const Tensor& key,
                                                const Tensor& value,
                                                const AttentionOptions& options) {
  constexpr const char* kName = "scaled_dot_product_attention";
  for (const Tensor* x : {&query, &key, &value}) check_defined(kName, x->data());
  check_dropout(kName, options.dropout_p);
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
  check_dropout(kName, options.dropout);
  check_floating(kName, options.dtype);
  if (options.kdim == 0) options.kdim = embed_dim;
  if (options.vdim == 0) options.vdim = embed_dim;
  return options;
}

}  // namespace

MultiheadAttention::MultiheadAttention(int64_t embed_dim, int64_t num_heads,
                                       const MultiheadAttentionOptions& options)
    : embed_dim_(embed_dim),
      num_heads_(num_heads),
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

Tensor MultiheadAttention::heads(const Tensor& x) const {
  return x.view({x.size(0), x.size(1), num_heads_, embed_dim_ / num_heads_}).transpose(1, 2);
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Tensor& attn_mask) {
  return (*this)(x, x, x, {.need_weights = false, .attn_mask = attn_mask}).output;
}

MultiheadAttentionResult MultiheadAttention::forward(const Tensor& query, const Tensor& key,
                                                     const Tensor& value,
                                                     const MultiheadAttentionCall& call) {
  constexpr const char* kName = "MultiheadAttention";
  if (call.cache != nullptr) {
    if (is_grad_enabled()) {
      fail<RuntimeError>(kName,
                         "expected a call with a cache to record no gradients: use it under "
                         "NoGradGuard");
    }
    if (!bias_kv_.empty() || options_.add_zero_attn) {
      fail<ValueError>(kName, "expected no cache with add_bias_kv or add_zero_attn, got one");
    }
  }
  for (const Tensor* x : {&query, &key, &value}) check_defined(kName, x->data());
  const bool batched = query.dim() == 3;
  const auto batch_first = [&](const Tensor& x) {
    return !batched ? x.unsqueeze(0) : options_.batch_first ? x : x.transpose(0, 1);
  };
  const auto fits = [&](const Tensor& x, int64_t features) {
    return x.dim() == query.dim() && x.size(-1) == features;
  };
  if ((query.dim() != 2 && !batched) || !fits(query, embed_dim_) || !fits(key, options_.kdim) ||
      !fits(value, options_.vdim)) {
    fail<ShapeError>(kName, "expected query (",
                     options_.batch_first ? "batch, time, " : "time, batch, ", embed_dim_,
                     "), key (..., ", options_.kdim, ") and value (..., ", options_.vdim,
                     "), all with or all without a batch, got ", query.shape().str(), ", ",
                     key.shape().str(), " and ", value.shape().str());
  }
  const Tensor q_in = batch_first(query), k_in = batch_first(key), v_in = batch_first(value);
  const int64_t batch = q_in.size(0), queries = q_in.size(1);
  if (k_in.size(0) != batch || v_in.size(0) != batch || k_in.size(1) != v_in.size(1)) {
    fail<ShapeError>(kName, "expected one batch, and as many values as keys, got query ",
                     query.shape().str(), ", key ", key.shape().str(), " and value ",
                     value.shape().str());
  }

  // The three projections; in one product where the operand is the same.
  Tensor q, k, v;
  const bool one_weight = projections_.size() == 1;
  if (one_weight && query.impl() == key.impl() && key.impl() == value.impl()) {
    const std::vector<Tensor> parts = linear(q_in, projections_[0], in_proj_bias_).chunk(3, -1);
    q = parts[0].contiguous();
    k = parts[1].contiguous();
    v = parts[2].contiguous();
  } else {
    const auto project = [&](const Tensor& x, int64_t i) {
      const Tensor weight = one_weight ? projections_[0].narrow(0, i * embed_dim_, embed_dim_)
                                       : projections_[static_cast<size_t>(i)].get();
      return linear(
          x, weight,
          in_proj_bias_.defined() ? in_proj_bias_.narrow(0, i * embed_dim_, embed_dim_) : Tensor());
    };
    q = project(q_in, 0);
    k = project(k_in, 1);
    v = project(v_in, 2);
  }
  int64_t extra = 0;  // keys that no mask speaks of
  if (!bias_kv_.empty()) {
    k = joined(k, bias_kv_[0].expand({batch, 1, embed_dim_}), 1);
    v = joined(v, bias_kv_[1].expand({batch, 1, embed_dim_}), 1);
    ++extra;
  }
  q = heads(q);
  k = heads(k);
  v = heads(v);
  if (options_.add_zero_attn) {
    const Tensor nothing = zeros({batch, num_heads_, 1, embed_dim_ / num_heads_}, k.dtype());
    k = joined(k, nothing, 2);
    v = joined(v, nothing, 2);
    ++extra;
  }
  const int64_t before = call.cache != nullptr ? call.cache->length() : 0;  // tokens
  const int64_t keys = before + k.size(2) - extra;

  Tensor mask;
  if (call.attn_mask.defined()) {
    Tensor given = call.attn_mask;
    const Shape per_head{batch * num_heads_, queries, keys};
    if (given.dim() == 3 && given.shape() == per_head) {
      given = given.view({batch, num_heads_, queries, keys});
    }
    check_expands(kName, "an attn_mask", given, {batch, num_heads_, queries, keys});
    mask = to_add(kName, given, true, q.dtype());
  }
  if (call.key_padding_mask.defined()) {
    const Tensor padding = batched ? call.key_padding_mask : call.key_padding_mask.unsqueeze(0);
    if (padding.shape() != Shape{batch, keys}) {
      fail<ShapeError>(kName, "expected a key_padding_mask of shape (", batch, ", ", keys,
                       "), got ", call.key_padding_mask.shape().str());
    }
    mask = plus(mask, to_add(kName, padding, true, q.dtype()).view({batch, 1, 1, keys}));
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
  const int64_t width = embed_dim_ / num_heads_;  // of a head
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  Tensor weights = attention_weights(q, k, scale, mask);
  if (is_training() && options_.dropout > 0)
    weights = functional::dropout(weights, options_.dropout);
  const Tensor together = matmul(weights, v).transpose(1, 2).reshape({batch, queries, embed_dim_});
  Tensor output = out_proj_(together);
  output = !batched ? output.squeeze(0) : options_.batch_first ? output : output.transpose(0, 1);
  if (!call.need_weights) return {output, Tensor()};
  if (call.average_attn_weights) weights = weights.mean(1);
  return {output, batched ? weights : weights.squeeze(0)};
}

}  // namespace lamina::nn
