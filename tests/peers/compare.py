#!/usr/bin/env python3
"""Lamina beside LibTorch on this machine, one thread each: seconds, microseconds and MiB, and the ratio of the two.

    bazel run -c opt //tests/peers:compare
    bazel run -c opt //tests/peers:compare -- --pairs=3 --rows=matmul
    bazel run -c opt //tests/peers:compare -- --check    # fails where a ratio is above what is promised; on a quiet machine

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
JOBS = {"linear": 3, "mlp": 3, "cnn": 2, "gpt": 30}  # epochs, of gpt steps; the fastest counts
CHAIN_MEMORY = "chain_1M_add_peak_MiB"  # runs alone, for a process has one peak

# Layers and losses: their geometric mean is printed, too.
LAYERS = [
    "batchnorm_100x64x14x14_fwd_bwd",
    "conv_100x16x14x14_32x3x3",
    "conv_100x16x14x14_fwd_bwd",
    "conv_8x64x56x56_64x3x3",
    "cross_entropy_768x65_fwd_bwd",
    "gelu_1M",
    "gelu_1M_fwd_bwd",
    "layernorm_768x128_fwd_bwd",
    "maxpool2_100x16x28x28",
    "softmax_1M_fwd_bwd",
]

# The largest ratio that --check lets pass: of these rows, of each other one, and of the geometric means of all of op_bench
# and of the layers.
LIMITS = {
    "add_1_nograd": 0.10,
    "add_1_grad": 0.12,
    "chain_1000_add_fwd_bwd": 0.15,
    "chain_1000_mul_16x16_fwd_bwd": 0.15,
    CHAIN_MEMORY: 0.5,
    "train_cnn": 0.8,
    "train_gpt": 0.8,
    "adamw_50x128x512_step": 0.5,
    "sgdm_50x128x512_step": 0.5,
}
LIMIT = 1.05
LIMIT_OF_MEAN = 0.5


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
    require_fast_blas(binary)
    return binary


def require_fast_blas(binary):
    """Debian's packages of LibTorch are content with the reference BLAS, in the folder blas: a rival hardly worth beating."""
    blas = re.search(r"libblas\.so\S* => (\S+)", run("ldd", binary))
    if blas and os.path.basename(os.path.dirname(os.path.realpath(blas[1]))) == "blas":
        sys.exit("compare: LibTorch would multiply with the reference BLAS; apt-get install libopenblas0-pthread")


def run(*command):
    return subprocess.run(
        command, env={**os.environ, **ENVIRONMENT, **openblas_for_this_processor()}, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def op_rows(binary, rows):
    """Row name to microseconds."""
    return {name: float(value) for name, value in map(str.split, run(binary, rows).splitlines())}


def train_rows(binary, job, epochs, mnist):
    """The job's name to the seconds of its fastest epoch, or step."""
    seconds = re.findall(r"train_s (\S+)", run(binary, job, str(epochs), mnist))
    return {f"train_{job}": min(map(float, seconds))}


def compare(pairs, ours, theirs):
    """Runs the two in turn and prints a line for each row that both have. Row name to ratio."""
    runs, ratios = [], {}
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
            ratio = ratios[name] = statistics.median(m / o for m, o in zip(mine, other))
            print(
                f"{name:34} {statistics.median(mine):12.3f} {statistics.median(other):12.3f} {ratio:8.2f}",
                flush=True,
            )
    return ratios


def above_limits(ratios):
    """A line for each ratio that is above its limit."""
    return [f"{name}: {ratio:.3f}, at most {LIMITS.get(name, LIMIT)}" for name, ratio in ratios.items() if ratio > LIMITS.get(name, LIMIT)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each library (5)")
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--mnist", default="../mnist/data", help="folder with MNIST's four *-ubyte files")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a ratio is above its limit")
    args = parser.parse_args()

    ratios, operations = {}, {}
    print(f"{'':34} {'lamina':>12} {'libtorch':>12} {'ratio':>8}")
    ours, theirs = f"{SOURCES}/train_bench", build_libtorch("train_bench")
    for job, epochs in JOBS.items():
        if args.rows in f"train_{job}":  # seconds
            ratios.update(compare(args.pairs, *(lambda b=b: train_rows(b, job, epochs, args.mnist) for b in (ours, theirs))))
    ours, theirs = f"{SOURCES}/op_bench", build_libtorch("op_bench")
    if args.rows in CHAIN_MEMORY:
        ratios.update(compare(1, *(lambda b=b: op_rows(b, CHAIN_MEMORY) for b in (ours, theirs))))
    if args.rows != CHAIN_MEMORY:
        operations = compare(args.pairs, *(lambda b=b: op_rows(b, args.rows) for b in (ours, theirs)))
        ratios.update(operations)
    bad = above_limits(ratios)
    if not args.rows:
        for of, some in [("operations", operations.values()), ("layers", [operations[name] for name in LAYERS])]:
            mean = statistics.geometric_mean(some)
            print(f"{'geometric mean of ' + of:34} {'':12} {'':12} {mean:8.2f}")
            if mean > LIMIT_OF_MEAN:
                bad.append(f"geometric mean of {of}: {mean:.3f}, at most {LIMIT_OF_MEAN}")
        print(run(ours, "--gflops"), end="")
    if not args.check:
        return
    if not ratios:
        sys.exit(f"compare: no row has {args.rows!r} in its name")
    print("\n".join(["above the limit:"] + bad) if bad else "no ratio is above its limit")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
