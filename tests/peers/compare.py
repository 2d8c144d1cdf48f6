#!/usr/bin/env python3
"""Lamina beside LibTorch on this machine, one thread each: seconds, microseconds and MiB, and the ratio of the two.

    bazel run -c opt //tests/peers:compare
    bazel run -c opt //tests/peers:compare -- --pairs=3 --rows=matmul

Needs g++ and Debian's libtorch-dev, and OpenBLAS, without which LibTorch multiplies 20 times slower than it can:
apt-get install libtorch-dev libopenblas0-pthread. LibTorch's programs are built once, into ~/.cache/lamina/peers. The two libraries run in turn, because the machine may be shared: a row's ratio is the median over
the pairs, below 1 where Lamina is faster.
"""

import argparse
import hashlib
import os
import re
import statistics
import subprocess
import sys

SOURCES = "tests/peers"  # Bazel starts the script in the runfiles.
CACHE = os.path.expanduser("~/.cache/lamina/peers")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "THREADS": "1",
}
JOBS = ["linear", "mlp"]
CHAIN_MEMORY = "chain_1M_add_peak_MiB"  # runs alone, for a process has one peak


def openblas_for_this_processor():
    """LibTorch at its best: OpenBLAS does not know newer processors with AVX-512, and then takes twice as long. One without
    AVX-512 could not run what it is told here."""
    if "OPENBLAS_CORETYPE" in os.environ:
        return {}
    try:
        with open("/proc/cpuinfo") as text:
            return {"OPENBLAS_CORETYPE": "SKYLAKEX"} if re.search(r"\bavx512f\b", text.read()) else {}
    except OSError:
        return {}


def build_libtorch(program):
    """Builds libtorch_<program> unless the cache has it, and returns its path."""
    source = f"{SOURCES}/libtorch_{program}.cc"
    flags = "-std=c++17 -O3 -march=native -I. -I/usr/include/torch/csrc/api/include".split()
    libraries = "-ltorch -ltorch_cpu -lc10 -pthread".split()
    key = hashlib.sha256(repr((flags, libraries)).encode())
    for path in [source, f"{SOURCES}/op_rows.h"]:
        with open(path, "rb") as text:
            key.update(text.read())
    binary = f"{CACHE}/libtorch_{program}_{key.hexdigest()[:12]}"
    if not os.path.exists(binary):
        if not os.path.exists("/usr/include/torch/csrc/api/include/torch/torch.h"):
            sys.exit("compare: LibTorch's headers are missing; apt-get install libtorch-dev")
        os.makedirs(CACHE, exist_ok=True)
        print(f"compare: building {binary}", file=sys.stderr, flush=True)
        subprocess.run(["g++", *flags, source, "-o", binary + ".new", *libraries], check=True)
        os.rename(binary + ".new", binary)
    return binary


def run(*command):
    return subprocess.run(
        command, env={**os.environ, **ENVIRONMENT, **openblas_for_this_processor()}, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def op_rows(binary, rows):
    """Row name to microseconds."""
    return {name: float(value) for name, value in map(str.split, run(binary, rows).splitlines())}


def train_rows(binary, job, epochs, mnist):
    """The job's name to the seconds of its fastest epoch."""
    seconds = re.findall(r"train_s (\S+)", run(binary, job, str(epochs), mnist))
    return {f"train_{job}": min(map(float, seconds))}


def compare(pairs, ours, theirs):
    """Runs the two in turn and prints a line for each row that both have."""
    runs = []
    for i in range(pairs):
        first = i % 2
        results = [None, None]
        for side in (first, 1 - first):  # whoever comes second may find the machine otherwise
            results[side] = (ours, theirs)[side]()
        runs.append(results)
    for name in runs[0][0]:
        if name in runs[0][1]:
            mine = [r[0][name] for r in runs]
            other = [r[1][name] for r in runs]
            ratio = statistics.median(m / o for m, o in zip(mine, other))
            print(
                f"{name:34} {statistics.median(mine):12.3f} {statistics.median(other):12.3f} {ratio:8.2f}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each library (5)")
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--epochs", type=int, default=3, help="of each training run, the fastest of which counts (3)")
    parser.add_argument("--mnist", default="../mnist/data", help="folder with MNIST's four *-ubyte files")
    args = parser.parse_args()

    print(f"{'':34} {'lamina':>12} {'libtorch':>12} {'ratio':>8}")
    ours, theirs = f"{SOURCES}/train_bench", build_libtorch("train_bench")
    for job in JOBS:
        if args.rows in f"train_{job}":  # seconds
            compare(args.pairs, *(lambda b=b: train_rows(b, job, args.epochs, args.mnist) for b in (ours, theirs)))
    ours, theirs = f"{SOURCES}/op_bench", build_libtorch("op_bench")
    if args.rows in CHAIN_MEMORY:
        compare(1, *(lambda b=b: op_rows(b, CHAIN_MEMORY) for b in (ours, theirs)))
    if args.rows != CHAIN_MEMORY:
        compare(args.pairs, *(lambda b=b: op_rows(b, args.rows) for b in (ours, theirs)))
    if not args.rows:
        print(run(ours, "--gflops"), end="")


if __name__ == "__main__":
    main()
