#!/usr/bin/python3
"""Training runs with every optimizer, in PyTorch and in Lamina, in float64; those that PyTorch 1.13 does not have are run
by optimizer_references.py.

    bazel run //tests/differential:optimizers_against_torch -- [--problems=10] [--seed=N] [--optimizers=TEXT]

runs 1,000 steps of each of the settings below on so many problems each, compares the parameters every 50 steps, and prints
each run that disagrees, and the counts with the worst difference.

    bazel run //tests/differential:optimizers_against_torch -- --write=FILE --problems=1 --steps=40 --every=20

writes the runs to a file instead: tests/differential/golden_optimizers.txt is one. Needs Debian's python3-torch.
"""

import argparse
import collections
import math
import sys
import warnings

import torch

sys.dont_write_bytecode = True  # the modules below lie in the source tree
import optimizer_references
import replaying
from operands import array_text, result_text, rng

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)  # of state that an optimizer keeps in scalars, too

TOLERANCE = 1e-6

# Options of the group w1, b1, and what is different in the group w2, s, k; None if there is only one group.
SETTINGS = {
    "SGD": [
        ({"lr": 0.05}, {"lr": 0.02, "weight_decay": 0.01}),
        ({"lr": 0.02, "momentum": 0.9, "dampening": 0.5, "weight_decay": 1e-3}, {"momentum": 0.5}),
        ({"lr": 0.01, "momentum": 0.9, "nesterov": True}, {"lr": 0.005}),
        ({"lr": 0.01, "momentum": 0.8, "maximize": True}, None),
    ],
    "Adam": [
        ({}, {"lr": 0.003}),
        ({"lr": 0.005, "betas": (0.8, 0.98), "weight_decay": 0.01, "eps": 1e-4}, {"eps": 1e-3}),
        ({"lr": 0.005, "amsgrad": True}, {"weight_decay": 0.1}),
        ({"lr": 0.005, "maximize": True}, None),
    ],
    "AdamW": [
        ({}, {"lr": 0.003}),
        ({"lr": 0.005, "betas": (0.8, 0.98), "weight_decay": 0.1, "eps": 1e-4}, {"weight_decay": 0.0}),
        ({"lr": 0.005, "amsgrad": True, "eps": 1e-6}, {"amsgrad": False}),
        ({"lr": 0.005, "maximize": True}, None),
    ],
    "RMSprop": [
        ({"lr": 0.003}, {"lr": 0.001, "alpha": 0.9}),
        ({"lr": 0.001, "momentum": 0.9, "weight_decay": 0.01}, {"momentum": 0.0}),
        ({"lr": 0.002, "centered": True, "eps": 1e-6}, {"centered": False}),
        ({"lr": 0.001, "centered": True, "momentum": 0.5, "maximize": True}, None),
    ],
    "Adagrad": [
        ({}, {"lr": 0.05}),
        ({"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.01}, {"lr_decay": 0.0}),
        ({"lr": 0.05, "eps": 1e-4, "initial_accumulator_value": 0.1}, {}),
        ({"lr": 0.05, "maximize": True}, None),
    ],
    "Adadelta": [
        ({}, {"lr": 0.5}),
        ({"lr": 2.0, "rho": 0.95, "weight_decay": 0.01}, {"rho": 0.8}),
        ({"eps": 1e-4}, {"eps": 1e-5}),
        ({"maximize": True}, None),
    ],
    "NAdam": [
        ({}, {"lr": 0.004}),
        ({"lr": 0.005, "betas": (0.8, 0.98), "weight_decay": 0.01, "eps": 1e-4}, {"betas": (0.9, 0.99)}),
        ({"lr": 0.005, "momentum_decay": 0.1, "eps": 1e-6}, {"momentum_decay": 0.0}),
    ],
    "LBFGS": [
        ({"lr": 0.8, "max_iter": 4, "history_size": 5}, None),
        ({"lr": 1.0, "line_search_fn": "strong_wolfe", "max_iter": 2}, None),
        ({"lr": 0.5, "line_search_fn": "strong_wolfe", "max_iter": 5, "max_eval": 6, "history_size": 3}, None),
        ({"lr": 0.5, "max_iter": 1, "tolerance_grad": 1e-6, "tolerance_change": 1e-12}, None),
    ],
    "Lion": [
        ({}, {"lr": 1e-3}),
        ({"lr": 1e-3, "weight_decay": 0.1}, {"weight_decay": 0.0}),
        ({"lr": 5e-4, "betas": (0.95, 0.98)}, {"betas": (0.8, 0.9)}),
    ],
    "Muon": [
        ({}, {"lr": 2e-3}),
        ({"lr": 1e-3, "nesterov": False, "weight_decay": 0.0}, {"momentum": 0.8}),
        ({"lr": 5e-4, "momentum": 0.9, "weight_decay": 0.5}, {"nesterov": False}),
    ],
}


def words_of(options):
    """Options by the names of Lamina's state_dict()."""
    words = []
    for name, value in options.items():
        if name == "betas":
            words += ["beta1", value[0].hex(), "beta2", value[1].hex()]
        elif name == "line_search_fn":
            words += ["strong_wolfe", "1"]
        else:
            words += [name, float(value).hex()]
    return " ".join(words)


def hex_of(x):
    return [v.hex() for v in x.flatten().tolist()]


def draw(*shape):
    return torch.tensor([rng.gauss(0, 1) for _ in range(math.prod(shape))]).reshape(shape)


def train(name, first, change, x, y, start, skip, steps, every, noise=0):
    """The parameters now and then, from a start: optimizers.h has the problem. Noise, as a share of
    a parameter's largest element, is added after each step."""
    p = [q.clone().requires_grad_() for q in start]
    w1, b1, w2, s, k = p
    batches = len(x)
    sign = -1 if first.get("maximize") else 1
    make = getattr(torch.optim, name, None) or optimizer_references.REFERENCES[name]
    groups = [{"params": p}] if change is None else [{"params": p[:2]}, {"params": p[2:], **change}]
    optimizer = make(groups, **{"lr": 1e-3, **first} if name == "SGD" else first)
    after = []
    for i in range(steps):
        def closure():
            optimizer.zero_grad(set_to_none=True)
            prediction = torch.tanh(x[i % batches] @ w1 + b1) @ w2
            has_all = skip == 0 or i % skip != 1
            if has_all:
                prediction = prediction * (1 + s)
            loss = (prediction - y[i % batches]).square().mean()
            loss = loss + 0.02 * (w1.square().sum() + b1.square().sum() + w2.square().sum())
            if has_all:
                loss = loss + (torch.sin(3 * k) + k.square()).mean() + s.square().sum()
            loss = sign * loss
            loss.backward()
            return loss
        optimizer.step(closure)
        if noise:
            with torch.no_grad():
                for q in p:
                    q.add_(noise * q.abs().max() * torch.randn(q.shape))
        if (i + 1) % every == 0:
            after.append([q.detach().clone() for q in p])
    return after


def run(name, first, change, steps, every):
    """The line of a run; None if PyTorch itself ends elsewhere when noise of the size of rounding is added."""
    is_lbfgs, is_muon = name == "LBFGS", name == "Muon"
    batches, n, skip = (1, 24, 0) if is_lbfgs else (4, 6, 3)  # L-BFGS is for one function
    x, y = draw(batches, n, 3), draw(batches, n, 2)
    shapes = [(3, 4), (1, 4), (4, 2), (1, 1), (2, 3)] if is_muon else [(3, 4), (4,), (4, 2), (), (2, 1, 3)]
    start = [0.5 * draw(*shape) for shape in shapes]
    if is_lbfgs:
        start = [0.5 * q for q in start[:4]] + [0.5 * start[4] - 0.4]  # k in one well of its part of the loss
    after = train(name, first, change, x, y, start, skip, steps, every)
    # Noise in the start alone would show less: a weight that has died away is kept alive by rounding only.
    torch.manual_seed(rng.getrandbits(32))
    for _ in range(2):
        beside = train(name, first, change, x, y, start, skip, steps, every, noise=2e-16)
        for here, there in zip(after, beside):
            if any((a - b).abs().max() > 0.1 * TOLERANCE * a.abs().max() for a, b in zip(here, there)):
                return None
    fields = [name, "%d %d" % (skip, bool(first.get("maximize"))), words_of(first),
              "" if change is None else words_of({**first, **change}),
              array_text(x, hex_of) + " " + array_text(y, hex_of),
              " ".join(result_text(q, hex_of) for q in start), "%d %d" % (steps, every),
              " ".join(result_text(q, hex_of) for all_of_them in after for q in all_of_them)]
    return "|".join(fields)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10, help="of each setting")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--every", type=int, default=50, help="steps between comparisons")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--optimizers", default="", help="only those whose name has this in it")
    parser.add_argument("--write", default="", help="write the runs to this file instead of replaying them")
    options = parser.parse_args()
    rng.seed(options.seed)
    replaying.check_known("optimizers_against_torch", "optimizers_main", "--optimizers", SETTINGS)
    runs, drawn_anew = [], collections.Counter()
    for name in SETTINGS:
        for setting in SETTINGS[name] * options.problems if options.optimizers in name else []:
            line = run(name, *setting, options.steps, options.every)
            while line is None:
                drawn_anew[name] += 1
                line = run(name, *setting, options.steps, options.every)
            runs.append(line)
    if options.write:
        replaying.write(options.write, "\n".join(runs) + "\n")
        return
    *answers, last = replaying.ask("optimizers_main", text="\n".join(runs) + "\n")
    assert last == "runs\t%d" % len(runs), "the replay ended early"
    worst, bad = collections.defaultdict(float), 0
    for line, answer in zip(runs, answers):
        name = line.split("|", 1)[0]
        try:
            difference = float(answer)
        except ValueError:  # an error
            difference = math.inf
        worst[name] = max(worst[name], difference)
        if not difference <= TOLERANCE:
            bad += 1
            print("%s\n    %s" % (line[:300], answer))
    for name, difference in worst.items():
        print("%-10s %d settings, %d problems drawn anew, worst difference %.2g"
              % (name, len(SETTINGS[name]), drawn_anew[name], difference))
    print("%d runs of %d steps, compared every %d; %d drawn anew, for there PyTorch itself magnifies rounding; "
          "%d disagreements" % (len(runs), options.steps, options.every, sum(drawn_anew.values()), bad))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
