#include <cstdio>

#include "circle.h"
#include "settings.pb.h"

int main() {
  downstream::Settings settings;
  settings.set_hidden(16);
  settings.set_epochs(60);
  settings.set_learning_rate(0.3);
  const downstream::Learned learned = downstream::learn_circle(settings);
  std::printf("%sloss %.4f -> %.4f, error %.2f %%\n", settings.DebugString().c_str(),
              learned.first_loss, learned.last_loss, 100 * learned.error);
  return learned.error < 0.05 ? 0 : 1;
}
