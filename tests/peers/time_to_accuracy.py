#!/usr/bin/env python3
"""Seconds from the start of the process until the cnn of apps/mnist knows 98 % and 99 % of the test images, and the same
network and recipe on LibTorch, with two threads each, in turn.

    bazel run -c opt //tests/peers:time_to_accuracy
    bazel run -c opt //tests/peers:time_to_accuracy -- --pairs=3 --epochs=5 --threads=2

The accuracy is known after each epoch. Pair i trains both with seed i. Needs what compare.py needs.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

import compare

GOALS = (0.98, 0.99)


def seconds_to(command, environment):
    """Goal to the seconds after which it was reached, infinity if it never was; and the last accuracy."""
    reached, accuracy = dict.fromkeys(GOALS, float("inf")), 0.0
    start = time.monotonic()
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            match = re.search(r"^epoch.* val_accuracy (\S+?),?(\s|$)", line)
            if not match:
                continue
            accuracy = float(match[1])
            for goal in GOALS:
                if accuracy >= goal:
                    reached[goal] = min(reached[goal], time.monotonic() - start)
    if process.returncode != 0:
        raise SystemExit(f"time_to_accuracy: {command[0]} ended with {process.returncode}")
    return reached, accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="runs of each library (3)")
    parser.add_argument("--epochs", type=int, default=5, help="of each run (5)")
    parser.add_argument("--threads", type=int, default=2, help="of each library (2)")
    args = parser.parse_args()
    mnist, threads, epochs = "../mnist/data", str(args.threads), str(args.epochs)
    theirs = compare.build_libtorch("mnist_cnn")
    environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "THREADS": threads}
    environment.update(compare.openblas_for_this_processor())

    ratios = {goal: [] for goal in GOALS}
    print("seed  goal     lamina   libtorch   ratio")
    for i in range(args.pairs):
        seed = str(i + 1)
        with tempfile.TemporaryDirectory() as folder:
            ours = ["apps/mnist/mnist", "--model=cnn", f"--epochs={epochs}", f"--seed={seed}", f"--threads={threads}"]
            ours += [f"--data_dir={os.path.abspath(mnist)}", f"--output={folder}/run"]
            sides = [lambda: seconds_to(ours, {}), lambda: seconds_to([theirs, epochs, seed, mnist], environment)]
            results = [None, None]
            for side in (i % 2, 1 - i % 2):
                results[side] = sides[side]()
        (mine, my_accuracy), (other, their_accuracy) = results
        for goal in GOALS:
            ratios[goal].append(mine[goal] / other[goal])
            print(f"{seed:4} {goal:6} {mine[goal]:9.1f}s {other[goal]:9.1f}s {ratios[goal][-1]:7.2f}", flush=True)
        print(f"     after {epochs} epochs: {my_accuracy:.4f} and {their_accuracy:.4f}", flush=True)
    for goal in GOALS:
        print(f"median ratio to {goal}: {statistics.median(ratios[goal]):.2f}")


if __name__ == "__main__":
    main()
