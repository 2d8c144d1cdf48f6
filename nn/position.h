// Positions of tokens, for attention, which by itself does not see their order: sinusoidal encoding,
// added to embeddings, and rotary encoding of queries and keys.
#ifndef LAMINA_NN_POSITION_H_
#define LAMINA_NN_POSITION_H_

#include <cstdint>
#include <string>

#include "lamina/nn/layer.h"

namespace lamina::nn {

struct SinusoidalPositionOptions {
  double base = 10000;  // the longest wave has the length 2 pi base
  int64_t offset = 0;   // the position of the first row
  DType dtype = float32;
};
struct RotaryPositionOptions {
  double base = 10000;
  // Which features turn together: 2 j and 2 j + 1, as in the paper, or else j and j + d / 2, the
  // "rotate_half" of GPT-NeoX and LLaMA. Weights trained with one form are wrong with the other.
  bool interleaved = false;
};

namespace functional {

// (length, width): row p has sin(t / base^(2 i / width)) in column 2 i and the cosine in column
// 2 i + 1, where t = offset + p. Angles are computed in float64. Throws ValueError for negative
// sizes, a negative offset, or a base that is not above 0. Vaswani et al., "Attention is all you
// need", NeurIPS 2017.
Tensor sinusoidal_position_encoding(int64_t length, int64_t width,
                                    const SinusoidalPositionOptions& options = {});

// Turns x (..., length, d): with t = offset + p, pair j of the d features of token p by the angle
// t / base^(2 j / d), (a, b) -> (a cos - b sin, b cos + a sin). Of queries and keys so turned, the
// products depend on how far these are apart only:
//
//   q = functional::rotary_position_encoding(q, cache.length());  // (batch, heads, tokens, d)
//
// x is floating; angles are computed in float64. Throws ShapeError for an odd d, ValueError as
// above. Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.
Tensor rotary_position_encoding(const Tensor& x, int64_t offset = 0,
                                const RotaryPositionOptions& options = {});

}  // namespace functional

// x + functional::sinusoidal_position_encoding: (..., length, width) to the same. x is floating.
class SinusoidalPositionEncoding : public Layer {
 public:
  explicit SinusoidalPositionEncoding(double base = 10000);
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return at(x, 0); }
  // Of tokens from position `offset` on, for generation with a KeyValueCache. No call: hooks do not
  // run.
  Tensor at(const Tensor& x, int64_t offset) const;

 private:
  double base_;
};

// functional::rotary_position_encoding.
class RotaryPositionEncoding : public Layer {
 public:
  explicit RotaryPositionEncoding(const RotaryPositionOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x) override { return at(x, 0); }
  // As in SinusoidalPositionEncoding.
  Tensor at(const Tensor& x, int64_t offset) const {
    return functional::rotary_position_encoding(x, offset, options_);
  }

 private:
  RotaryPositionOptions options_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_POSITION_H_
