// summary: what a model consists of, and what one call of it costs, as a table.
//
//   std::cout << nn::summary(model, zeros({32, 784}));
//
//   Layer               Output shape  Parameters    Bytes  Multiply-adds
//   SimpleNet           (32, 10)         101,770  407,080      3,252,224
//     layer1: Linear    (32, 128)        100,480  401,920      3,211,264
//     activation: ReLU  (32, 128)              0        0              0
//     layer2: Linear    (32, 10)           1,290    5,160         40,960
#ifndef LAMINA_NN_SUMMARY_H_
#define LAMINA_NN_SUMMARY_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::nn {

struct Summary {
  // Of a module together with all below it; what is shared counts once in each row.
  struct Row {
    std::string name;  // in the module above: "layer1"; of the model itself: ""
    std::string type;
    int depth;                   // below the model
    std::vector<Shape> outputs;  // of its last call; none if it was not called
    int64_t parameters;          // elements
    int64_t bytes;               // of parameters and buffers
    int64_t multiply_adds;       // in matrix products and convolutions, of all calls
  };
  std::vector<Row> rows;  // the model's comes first

  std::string str() const;
  friend std::ostream& operator<<(std::ostream& out, const Summary& summary) {
    return out << summary.str();
  }
};

namespace internal {
Summary summarize(Module& model, const std::function<void()>& call);
}

// Calls the model with the arguments once, in eval mode and without gradients; its modes stay as
// they are.
template <class M, class... In>
Summary summary(M& model, In&&... in) {
  return internal::summarize(model, [&] { model(std::forward<In>(in)...); });
}

}  // namespace lamina::nn

#endif  // LAMINA_NN_SUMMARY_H_
