#!/usr/bin/python3
"""Gradients of random graphs of operations, in PyTorch and in Lamina.

    bazel run //tests/differential:gradients_against_torch -- --graphs=1500 [--seed=N] [--ops=NAME,...]

grows the graphs, asks PyTorch for the gradients, has Lamina replay them, and prints each disagreement and the counts.

    bazel run //tests/differential:gradients_against_torch -- --graphs=150 --write=FILE

writes the graphs to a file instead: tests/differential/golden_graphs.txt is one. Needs Debian's python3-torch.

A graph is up to 12 operations deep, in float64, or for one in six float32 or both. Inputs are kept in the domain of each
operation and away from where its derivative jumps. Some operations write in place; where PyTorch then refuses to go
backward, because a value that it needs has changed, Lamina may refuse as well, or give gradients that agree with a
difference. A graph is left out if rounding decides too much in it: when the
leaves change by 8 units in the last place, no gradient may change by more than a tenth of the tolerance.
"""

import argparse
import collections
import math
import sys
import warnings

import torch

sys.dont_write_bytecode = True  # the modules below lie in the source tree
import elementwise_graphs  # these register their operations in MAKERS
import image_graphs
import in_place_graphs
import indexing_graphs
import movement_graphs
import product_graphs
import reduction_graphs
import replaying
from graph import Graph, Reject, argument_text, require, result_text, rng
from graph_makers import MAKERS, output

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

# Relative to the largest gradient of any value in the graph; for second derivatives, to the largest of them, and to the
# square of that.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4}
LARGEST_GRADIENT = {False: 1e4, True: 1e2}  # by whether there are second derivatives

counts = collections.Counter()  # how often each operation was taken
left_out = collections.Counter()  # how many graphs, by the reason


def grow(names, depth, dtype, mixed, most):
    graph = Graph(depth, dtype, mixed, most)
    weights = [1 / (1 + counts[n]) for n in names]
    for _ in range(6 * depth + 20):
        reached = max([v.depth for v in graph.values], default=0)
        if reached == depth or len(graph.statements) > 3 * depth + 8:
            break
        try:
            MAKERS[rng.choices(names, weights)[0]](graph)
        except Reject:
            pass
    output(graph)
    return graph


def close(a, b, limit):
    if a is None or b is None:
        return a is b
    return not a.numel() or float((a - b).abs().max()) <= limit


def expectations(graph, second, all_values):
    """The lines from "first" on; of values those of the roots or all. Rejects graphs that are not fit."""
    single = graph.mixed or graph.dtype == torch.float32
    tolerance = TOLERANCE[torch.float32 if single else torch.float64]
    step = 8 * torch.finfo(torch.float32 if single else torch.float64).eps
    leaves = [v.array for v in graph.leaves]
    moved = [x + x * torch.tensor([rng.uniform(-step, step) for _ in range(x.numel())], dtype=x.dtype).reshape(x.shape)
             for x in leaves]
    try:
        env, first, scale, again = graph.gradients(leaves, second)
        env2, first2, _, again2 = graph.gradients(moved, second)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise Reject("PyTorch has no such derivative") from None
        if second:
            return expectations(graph, False, all_values)
        require(not single, "changed in place")
        return [slope_line(graph, leaves)], None, None
    require(all(g is None or bool(torch.isfinite(g).all()) for g in first + (again or [])), "infinite")
    require(scale <= LARGEST_GRADIENT[second], "large")
    require(all(close(a, b, 0.1 * tolerance * scale) for a, b in zip(first, first2)), "sensitive")
    lines = ["first %g %.4g" % (tolerance, scale)]
    for value in graph.values if all_values else [root for root, _ in graph.roots]:
        x = env[value.number]
        if value.hidden or not x.dtype.is_floating_point:
            continue
        require(close(x, env2[value.number], 0.1 * tolerance * max([1.0] + x.abs().reshape(-1).tolist())), "sensitive")
        lines.append("value %d %s" % (value.number, result_text(x)))
    def gradient_lines(gradients):
        return ["gradient %d %s" % (v.number, "none" if g is None else result_text(g))
                for v, g in zip(graph.leaves, gradients)]
    lines += gradient_lines(first)
    if again is not None:
        scale = max([scale * scale] + [float(g.abs().max()) for g in again if g is not None and g.numel()])
        require(scale <= 1e5, "large")
        require(all(close(a, b, 0.1 * tolerance * scale) for a, b in zip(again, again2)), "sensitive")
        lines += ["second %g %.4g" % (tolerance, scale)] + gradient_lines(again)
    return lines, first, again


def slope_line(graph, leaves):
    """What PyTorch refuses to differentiate, by the difference of values."""
    directions = [torch.tensor([rng.choice([-1.0, -0.5, 0.5, 1.0]) for _ in range(x.numel())], dtype=x.dtype)
                  .reshape(x.shape) for x in leaves]
    slope, largest = graph.slope(leaves, directions, 1e-6)
    other, _ = graph.slope(leaves, directions, 2e-6)
    limit = 1e-6 * max(1.0, largest, abs(slope))
    require(math.isfinite(slope) and abs(slope - other) <= 0.1 * limit, "sensitive")
    return " ".join(["slope %.3g %.12g" % (limit, slope)] + [argument_text(d) for d in directions])


def graph_text(graph, number):
    lines = ["graph %d" % number]
    for name, *rest in graph.statements:
        if name is None:
            lines.append("leaf " + argument_text(rest[0].array))
        else:
            lines.append(" ".join([name] + [argument_text(a) for a in rest[1]]))
    return lines + ["root %d %s" % (root.number, argument_text(gradient)) for root, gradient in graph.roots]


Made = collections.namedtuple("Made", "text depth single second writes refused leaves reached")


def make(names, number, largest):
    depth = rng.randint(1, 12)
    while True:
        kind = rng.random()
        dtype = torch.float32 if kind < 0.1 else torch.float64
        second = rng.random() < 0.5
        most = 800 if not largest and rng.random() < 0.05 else 72
        try:
            graph = grow(names, depth, dtype, 0.1 <= kind < 0.17, most)
            lines, first, again = expectations(graph, second, not largest)
        except Reject as reason:
            left_out[str(reason)] += 1
            continue
        lines = graph_text(graph, number) + lines + ["end"]
        if largest and sum(map(len, lines)) > largest:
            continue
        counts.update(graph.operations())
        refused = first is None
        first = first or []
        reached = sum(g is not None and bool((g != 0).any()) for g in first)
        single = graph.mixed or dtype == torch.float32
        writes = any(name.endswith("_") for name in graph.operations())
        return Made("\n".join(lines) + "\n", graph.depth, single, again is not None, writes, refused, len(first), reached)


def describe(made, names):
    print("%d graphs; %d of float32 or of both dtypes; %d with second derivatives; %d with writes in place, of which "
          "PyTorch refuses %d; %d of %d leaf gradients are not all 0; left out: %s"
          % (len(made), sum(m.single for m in made), sum(m.second for m in made), sum(m.writes for m in made),
             sum(m.refused for m in made), sum(m.reached for m in made), sum(m.leaves for m in made), dict(left_out)))
    depths = collections.Counter(m.depth for m in made)
    print("depth: " + "  ".join("%d: %d" % item for item in sorted(depths.items())))
    print("%d operations in %d places; the rarest: %s"
          % (len(counts), sum(counts.values()), ", ".join("%s %d" % (n, c) for n, c in counts.most_common()[:-6:-1])))
    missing = [n for n in names if not counts[n]]
    if missing:
        print("in no graph: " + " ".join(missing))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ops", default="", help="only these operations, separated by commas, and what they need")
    parser.add_argument("--write", default="", help="write the graphs to this file instead of replaying them")
    options = parser.parse_args()
    rng.seed(options.seed)
    names = [n for n in MAKERS if not options.ops or n in options.ops.split(",")]
    if not names:
        sys.exit("gradients_against_torch: expected operations that have a gradient, got " + options.ops)
    largest = 3000 if options.write else 0  # characters
    made = [make(names, number, largest) for number in range(options.graphs)]
    describe(made, names)
    text = "".join(m.text for m in made)
    if options.write:
        replaying.write(options.write, text)
        return
    *bad, last = [line.split("\t") for line in replaying.ask("graphs_main", text=text)]
    assert last[:2] == ["graphs", str(len(made))], "the replay ended early"
    for _, number, what in bad[:20]:
        print("\n%s    %s" % (made[int(number)].text, what))
    print("%d graphs disagree; the largest difference is %s of the tolerance; Lamina refuses %s"
          % (len(bad), last[2], last[3]))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
