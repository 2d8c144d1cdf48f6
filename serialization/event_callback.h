// EventCallback: writes a Trainer's run into an event file, for TensorBoard.
//
//   absl::StatusOr<EventWriter> events = EventWriter::create("runs/digits");
//   if (!events.ok()) return events.status();
//   EventCallback curves(*events, {.every_steps = 10});
//   trainer.add(curves);
#ifndef LAMINA_SERIALIZATION_EVENT_CALLBACK_H_
#define LAMINA_SERIALIZATION_EVENT_CALLBACK_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "lamina/nn.h"
#include "lamina/serialization/event_file.h"
#include "lamina/serialization/warn_once.h"

namespace lamina {

struct EventCallbackOptions {
  int64_t every_steps = 0;  // the loss of the last batch, as "loss/batch"; 0: not
  bool histograms = true;   // of the parameters, at the end of each epoch, as "parameters/NAME"
  // Is told of the first event that cannot be written; none: a line on standard error.
  std::function<void(const absl::Status&)> warn = nullptr;
};

// At the end of each epoch writes its record: "train_loss" as "loss/train", "val_accuracy" as
// "accuracy/val", so that one chart has both, and "lr" as it is. The x-axis is the optimizer's step.
// What cannot be written does not end training; the next events are tried. A run that is resumed writes the
// steps behind its last checkpoint once more, into a file of its own.
class EventCallback : public nn::train::Callback {
 public:
  // `events` must outlive it. Throws ValueError for a negative number.
  explicit EventCallback(EventWriter& events, EventCallbackOptions options = {});

  void on_step(nn::train::Trainer& trainer) override;
  void on_epoch_end(nn::train::Trainer& trainer) override;

  // Of the first event that could not be written.
  const absl::Status& status() const { return failures_.first(); }

 private:
  EventWriter& events_;
  const EventCallbackOptions options_;
  serialization::WarnOnce failures_;
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_EVENT_CALLBACK_H_
