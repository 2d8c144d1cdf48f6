// Trains a small GPT on a text, character by character, and lets it write.
//
//   bazel run -c opt //apps/gpt
//   bazel run -c opt //apps/gpt -- sample --prompt="It is a truth"

#include <string>
#include <vector>

#include "lamina/apps/gpt/commands.h"
#include "lamina/apps/program.h"

namespace {

constexpr char kHelp[] =
    R"(Trains a small GPT (a transformer) on a text, character by character, and lets it write.)";

constexpr char kTrain[] = R"(Teaches a model the first nine tenths of a text.
Tells the loss, in nats per character, on what is being learnt and on the last tenth of the text, and
in the end writes a sample of text and report.html.)";

constexpr char kEval[] = R"(Tells how well a model predicts the last tenth of a text.
The text is predicted in pieces of as many characters as the model sees, each character from those before
it in its piece.)";

constexpr char kSample[] = R"(Writes text, character by character.
The speed comes on standard error.)";

constexpr char kPredict[] = "The same as sample: what a language model predicts is text.";

}  // namespace

int main(int argc, char** argv) {
  using namespace lamina::apps::gpt;
  const std::vector<std::string> sampling = {"checkpoint",  "prompt", "length",
                                             "temperature", "top_k",  "top_p",
                                             "seed",        "cache",  "threads"};
  return lamina::apps::run_program(
      {"gpt",
       kHelp,
       {{"train",
         "",
         0,
         0,
         kTrain,
         {"text", "layers", "heads", "width", "block", "dropout", "batch_size", "steps",
          "eval_every", "learning_rate", "warmup", "seed", "threads", "output", "resume"},
         train},
        {"eval", "", 0, 0, kEval, {"checkpoint", "text", "threads"}, evaluate},
        {"sample", "", 0, 0, kSample, sampling, sample},
        {"predict", "", 0, 0, kPredict, sampling, sample}}},
      argc, argv);
}
