#!/usr/bin/env python3
"""Checkpoints beside LibTorch's torch::save and torch::load, dd and a plain read: //serialization:checkpoint_benchmark with
LibTorch's program, which is built as compare.py builds its own. Takes the benchmark's options.

    bazel run -c opt //tests/peers:checkpoints -- --check
"""

import os
import sys

import compare

BENCHMARK = "serialization/checkpoint_benchmark"  # Bazel starts the script in the runfiles.


def main():
    os.execv(BENCHMARK, [BENCHMARK, "--libtorch=" + compare.build_libtorch("checkpoint_bench"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
