// Callback: what is called along the way of a Trainer. callbacks.h has the common ones.
#ifndef LAMINA_NN_TRAIN_CALLBACK_H_
#define LAMINA_NN_TRAIN_CALLBACK_H_

#include "lamina/nn/state_dict.h"

namespace lamina::nn::train {

class Trainer;

// Each does nothing by default. What one throws leaves fit().
class Callback {
 public:
  virtual ~Callback() = default;

  virtual void on_fit_begin(Trainer&) {}    // the place for Trainer::check_value_name()
  virtual void on_epoch_begin(Trainer&) {}  // also where an epoch is gone on with
  virtual void on_batch_end(Trainer&) {}    // after backward
  virtual void on_gradients(Trainer&) {}    // those of a step are complete
  virtual void on_step(Trainer&) {}         // after it
  virtual void on_validation_begin(Trainer&) {}
  virtual void on_validation_end(Trainer&) {}  // also after an exception, even of another's
  virtual void on_epoch_end(Trainer&) {}       // its record is in the history
  virtual void on_fit_end(Trainer&) {}         // not after an exception

  // What it goes on from when training is resumed.
  virtual StateDict state_dict() const { return {}; }
  // Throws RuntimeError for a state that does not fit, and then nothing has changed.
  virtual void load_state_dict(const StateDict& state);
};

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_CALLBACK_H_
