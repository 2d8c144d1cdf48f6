// Sampling: which token comes next, by the logits that a model gives.
#ifndef LAMINA_APPS_GPT_SAMPLING_H_
#define LAMINA_APPS_GPT_SAMPLING_H_

#include <cstdint>
#include <vector>

#include "lamina/nn.h"

namespace lamina::apps::gpt {

// One after the other, each on what the one before leaves.
struct SamplingOptions {
  // Logits are divided by it; at least 0. With 0 the largest is taken, the first of several.
  double temperature = 1;
  int64_t top_k = 0;  // how many of the largest stay, of equal ones the first; 0: all
  // In (0, 1]: of the rest, the likeliest stay, as few as have this probability together (Holtzman et al.,
  // "The curious case of neural text degeneration", ICLR 2020).
  double top_p = 1;
};

// The probability of each token, of logits (tokens) and these options. Throws ShapeError for another rank
// or no tokens; ValueError for options out of range, and for logits of which none is above -infinity or one
// is NaN or +infinity.
std::vector<double> probabilities(const Tensor& logits, const SamplingOptions& options);

// A token of these probabilities; draws one number, also where there is one token only.
int64_t draw(const std::vector<double>& probabilities, Generator& generator);

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_SAMPLING_H_
