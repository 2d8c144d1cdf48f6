#!/usr/bin/python3
"""Random calls of every operation, in PyTorch and in Lamina.

    bazel run //tests/differential:against_torch -- --cases=10000 [--seed=N] [--ops=TEXT]

makes the cases, asks PyTorch for the results, has Lamina replay them, and prints each disagreement and the counts.

    bazel run //tests/differential:against_torch -- --write=FILE --cases=1000

writes the cases to a file instead: tests/differential/golden.txt is one. Needs Debian's python3-torch.
"""

import argparse
import sys
import warnings

import torch

sys.dont_write_bytecode = True  # the modules below lie in the source tree
import cases
from cases import HALVES, OPS, argument_text, result_text, rng
import elementwise_cases  # these register their operations in OPS
import image_cases
import indexing_cases
import movement_cases
import product_cases
import reduction_cases
import replaying

warnings.filterwarnings("ignore")
torch.set_num_threads(1)


def widened(args, dtype):
    """The arguments for a computation in float32 whose result will be rounded to `dtype`. A result of half precision
    has operands of half precision: the others are rounded to it first."""
    def one(a):
        if isinstance(a, torch.Tensor) and a.dtype.is_floating_point:
            a = a.to(dtype) if dtype in HALVES else a
            return a.float() if a.dtype in HALVES else a
        return torch.tensor(a).to(dtype).item() if isinstance(a, float) and dtype in HALVES else a
    return [one(a) for a in args]


def ask_torch(args, f, widen):
    """The results, or None for an error. What PyTorch does not have for half precision on the CPU goes by float32,
    and is rounded at the end, as Lamina does."""
    half = next((a.dtype for a in args if isinstance(a, torch.Tensor) and a.dtype in HALVES), None)
    def call(arguments):
        results = f(*arguments)
        return list(results) if isinstance(results, (tuple, list)) else [results]
    try:
        results = call(args)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if half is None or "not implemented for" not in str(error):
            return None
        try:
            return [r.to(half) if r.dtype == torch.float32 else r for r in call(widened(args, half))]
        except (RuntimeError, IndexError, ValueError, TypeError):
            return None
    if half is not None and widen:
        results = [wide.to(r.dtype) for wide, r in zip(call(widened(args, results[0].dtype)), results)]
    return results


def make_case(name):
    """One line of text, as replay.h describes it."""
    make, tolerance, widen = OPS[name]
    args, f = make()
    text = " ".join(argument_text(a) for a in args)  # before an operation in place writes to them
    results = ask_torch(args, f, widen)
    if results is None:
        return "%s|%s|0 0|error" % (name, text)
    dtypes = {a.dtype for a in args if isinstance(a, torch.Tensor)} | {r.dtype for r in results}
    if torch.bfloat16 in dtypes:
        relative, absolute = 2.0**-6, 2.0**-6
    elif torch.float16 in dtypes:
        relative, absolute = 2.0**-9, 2.0**-9
    elif torch.float32 in dtypes:
        relative = absolute = tolerance
    else:
        relative = absolute = tolerance * 1e-7
    return "%s|%s|%g %g|%s" % (name, text, relative, absolute, result_text(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ops", default="", help="only operations whose name has this in it")
    parser.add_argument("--write", default="", help="write the cases to this file instead of replaying them")
    options = parser.parse_args()
    cases.large_extents = not options.write
    rng.seed(options.seed)
    replaying.check_known("against_torch", "replay_main", "--operations", OPS)
    names = [n for n in OPS if options.ops in n]
    made, errors = [], 0
    while len(made) < options.cases:
        for name in names:
            case = make_case(name)
            is_error = case.endswith("|error")
            # A few wrong calls are wanted, many are not.
            if is_error and rng.random() < 0.7 or options.write and len(case) > 1500:
                continue
            errors += is_error
            made.append(case)
    made = made[:options.cases]
    if options.write:
        replaying.write(options.write, "\n".join(made) + "\n")
        return
    bad = replaying.disagreements("replay_main", made, "cases")
    print("%d cases of %d operations, %d of them calls that PyTorch refuses; %s"
          % (len(made), len(names), errors, replaying.summary(bad)))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
