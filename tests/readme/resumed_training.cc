#include <iostream>

#include "lamina/serialization.h"

using namespace lamina;

int main() {
  Tensor x = rand({1000, 2});
  Tensor y = gt(x.sum(1), 1).to(int64);
  nn::Sequential model{nn::Linear(2, 16), nn::ReLU(), nn::Dropout(0.1), nn::Linear(16, 2)};
  nn::CrossEntropyLoss loss;
  nn::optim::AdamW adamw(model.parameters(), {.lr = 0.01});
  nn::data::DataLoader loader(x, y, {.batch_size = 50, .shuffle = true});

  TrainingState state;
  state.add("model", model);
  state.add("optimizer", adamw);
  state.add("generator", default_generator());  // dropout draws from it
  state.add("loader", loader);

  Checkpointer checkpointer("run", {.keep_last = 3});
  absl::Status status = checkpointer.resume(state).status();
  std::cout << "from epoch " << state.step << "\n";
  while (status.ok() && state.step < 30) {
    double error = nn::train::epoch(model, loader, loss, &adamw).error;
    ++state.step;
    status = checkpointer.save(state, error);
    std::cout << "epoch " << state.step << ": error " << error << "\n";
  }
  if (status.ok()) status = checkpointer.wait();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
