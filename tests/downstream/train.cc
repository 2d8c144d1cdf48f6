#include <cstdio>
#include <string>

#include "circle.h"
#include "settings.pb.h"

// train [FILE]: learns, saves, and asks the model that it loads from the file.
int main(int argc, char** argv) {
  downstream::Settings settings;
  settings.set_hidden(16);
  settings.set_epochs(60);
  settings.set_learning_rate(0.3);
  const std::string path = argc > 1 ? argv[1] : "circle.ckpt";
  const auto learned = downstream::learn_circle(settings, path);
  const auto loaded = downstream::error_of_circle(settings, path);
  if (!learned.ok() || !loaded.ok()) {
    const absl::Status& error = learned.ok() ? loaded.status() : learned.status();
    std::fprintf(stderr, "%s\n", error.ToString().c_str());
    return 1;
  }
  std::printf("%sloss %.4f -> %.4f, error %.2f %%; of the loaded model %.2f %%\n",
              settings.DebugString().c_str(), learned->first_loss, learned->last_loss,
              100 * learned->error, 100 * *loaded);
  return learned->error < 0.05 && *loaded == learned->error ? 0 : 1;
}
