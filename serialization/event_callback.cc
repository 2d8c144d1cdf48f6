#include "lamina/serialization/event_callback.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lamina {
namespace {

// "loss/train" for "train_loss"
std::string chart_of(const std::string& name) {
  const nn::train::ValueName parts(name);
  return parts.part.empty() ? name : absl::StrCat(parts.quantity, "/", parts.part);
}

}  // namespace

EventCallback::EventCallback(EventWriter& events, EventCallbackOptions options)
    : events_(events),
      options_(std::move(options)),
      failures_("an event was not written", options_.warn) {
  if (options_.every_steps < 0) {
    fail<ValueError>("EventCallback", "expected every_steps of at least 0, got ",
                     options_.every_steps);
  }
}

void EventCallback::on_step(nn::train::Trainer& trainer) {
  if (options_.every_steps > 0 && trainer.step() % options_.every_steps == 0) {
    failures_.note(events_.add_scalar("loss/batch", trainer.last_loss(), trainer.step()));
  }
}

void EventCallback::on_epoch_end(nn::train::Trainer& trainer) {
  for (const auto& [name, value] : trainer.history().back()) {
    failures_.note(events_.add_scalar(chart_of(name), value, trainer.step()));
  }
  if (!options_.histograms) return;
  for (const auto& [name, parameter] : trainer.model().named_parameters()) {
    failures_.note(
        events_.add_histogram(absl::StrCat("parameters/", name), parameter, trainer.step()));
  }
}

}  // namespace lamina
