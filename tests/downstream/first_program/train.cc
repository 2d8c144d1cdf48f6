#include <iostream>

#include "lamina/nn.h"

using namespace lamina;

int main() {
  manual_seed(0);
  Tensor x = rand({1000, 2});
  Tensor y = gt(x.sum(1), 1).to(int64);  // is x0 + x1 > 1?

  nn::Sequential model{nn::Linear(2, 16), nn::ReLU(), nn::Linear(16, 2)};
  nn::CrossEntropyLoss loss;
  nn::optim::SGD sgd(model.parameters(), {.lr = 0.1});
  nn::data::DataLoader loader(x, y, {.batch_size = 50, .shuffle = true});

  for (int epoch = 0; epoch < 50; ++epoch) nn::train::epoch(model, loader, loss, &sgd);
  std::cout << model << "\nerror " << nn::train::epoch(model, loader, loss).error << "\n";
}
