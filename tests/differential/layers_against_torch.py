#!/usr/bin/python3
"""Random calls of every layer and loss, in PyTorch and in Lamina: the printed text, state keys, outputs, and the
gradients of inputs and parameters.

    bazel run //tests/differential:layers_against_torch -- --calls=100 [--seed=N] [--layers=TEXT]

makes so many calls of each, half of them in float32, and prints each disagreement and the counts.

    bazel run //tests/differential:layers_against_torch -- --write=FILE --calls=3

writes the calls to a file instead: tests/differential/golden_layers.txt is one. Needs Debian's python3-torch.
"""

import argparse
import sys
import warnings

import torch

sys.dont_write_bytecode = True  # the modules below lie in the source tree
import layer_calls
import activation_calls  # these register their layers
import attention_calls
import basic_calls
import conv_calls
import loss_calls
import norm_calls
import recurrent_calls
import replaying
import transformer_calls
from operands import rng

warnings.filterwarnings("ignore")
torch.set_num_threads(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="of each layer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layers", default="", help="only those whose name has this in it")
    parser.add_argument("--write", default="", help="write the calls to this file instead of replaying them")
    options = parser.parse_args()
    rng.seed(options.seed)
    torch.manual_seed(options.seed)  # of starting values that no state sets
    replaying.check_known("layers_against_torch", "layers_main", "--layers", layer_calls.MAKERS)
    names = [n for n in layer_calls.MAKERS if options.layers in n]
    calls = []
    for name in names:
        longest = 12000 if name.startswith("Transformer") else 4000  # line that is written
        for i in range(options.calls):
            layer_calls.dtype = torch.float64 if i % 2 else torch.float32
            line = None
            while line is None or options.write and len(line) > longest:
                line = layer_calls.run(name)
            calls.append(line)
    if options.write:
        replaying.write(options.write, "\n".join(calls) + "\n")
        return
    bad = replaying.disagreements("layers_main", calls, "calls")
    print("%d calls of %d layers and losses; %d drawn anew, for PyTorch's own float32 came near the tolerance; %s"
          % (len(calls), len(names), sum(layer_calls.drawn_anew.values()), replaying.summary(bad)))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
