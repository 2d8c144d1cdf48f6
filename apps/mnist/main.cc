// Trains, evaluates and uses networks for MNIST digits, or Fashion-MNIST's clothes.
//
//   bazel run -c opt //apps/mnist -- train --model=cnn
//   bazel run -c opt //apps/mnist -- predict digit.png

#include "lamina/apps/mnist/commands.h"
#include "lamina/apps/program.h"

namespace {

constexpr char kHelp[] = R"(Recognises handwritten digits (MNIST), or clothes (Fashion-MNIST).)";

constexpr char kTrain[] = R"(Trains a network and tells its test error.

After each epoch comes a line with the mean loss and the share of right answers: on the
training images, while they were being learnt, and on the test images. The last three
checkpoints, TensorBoard's event file and report.html go to a new folder, runs/mnist/NNN,
or to --output. Ctrl-C ends it with a checkpoint, and --resume goes on.)";

constexpr char kEval[] = R"(Tells the test error of a trained network.

The checkpoint tells what the network is: flags that say something else are refused.)";

constexpr char kPredict[] =
    R"(Tells what is on images, PNG or PGM, of 28 x 28 pixels, white on black.

What is transparent counts as black. The checkpoint tells what the network is: flags that say
something else are refused.)";

}  // namespace

int main(int argc, char** argv) {
  using namespace lamina::apps::mnist;
  return lamina::apps::run_program(
      {"mnist",
       kHelp,
       {{"train",
         "",
         0,
         0,
         kTrain,
         {"model", "dataset", "hidden", "width", "epochs", "batch_size", "learning_rate", "shuffle",
          "augment", "holdout", "seed", "workers", "threads", "data_dir", "output", "resume"},
         train},
        {"eval",
         "",
         0,
         0,
         kEval,
         {"checkpoint", "model", "dataset", "hidden", "width", "batch_size", "threads", "data_dir"},
         evaluate},
        {"predict",
         "IMAGE...",
         1,
         1000,
         kPredict,
         {"checkpoint", "model", "dataset", "hidden", "width", "invert", "threads"},
         predict}}},
      argc, argv);
}
