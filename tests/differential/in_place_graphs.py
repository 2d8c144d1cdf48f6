"""Makers of writes in place, to results of operations and to views of them."""

import math

import torch

from elementwise_graphs import nonzero
from graph import Reject, require, rng
from graph_makers import MARGIN, apart, broadcasts, index_array, maker, mask, outside, part_of, scalar

# What makes views in both libraries. Of the others, UNSURE may give a view or a copy as the layout has it, and layouts
# differ between the libraries, or must not have their views written to. Or Lamina keeps their operand for backward, where
# PyTorch keeps something of its own.
VIEWS = {"narrow", "slice", "select", "permute", "transpose", "t", "movedim", "squeeze", "unsqueeze", "diagonal",
         "expand", "broadcast_to"}
UNSURE = {"reshape", "view", "flatten", "unflatten", "contiguous", "to", "sum_to", "as_strided", "chunk", "split",
          "cross_entropy", "reciprocal"}


def storage(x):
    return x.storage().data_ptr()


def write(g, name, f, x, *args):
    """x.name(args). The values that share its elements change, as far as both libraries agree on which these are."""
    try:
        env = g.execute([leaf.array.clone().requires_grad_() for leaf in g.leaves])
    except RuntimeError:  # a view() that the leaves' other layout does not allow
        raise Reject from None
    place = storage(env[x.number])
    family = [v for v in g.values if storage(env[v.number]) == place]
    require(not any(v in family for v in g.leaves))
    require(all(step for step, e in zip(env[x.number].stride(), x.shape) if e > 1))  # each element once
    for done, *rest in g.statements:
        if done is None or done in VIEWS or done.endswith("_"):
            continue
        _, arguments, results = rest
        inputs = [v for a in arguments for v in (a if isinstance(a, (list, tuple)) else [a])]
        shared = any(v in family for v in inputs) and any(v in family for v in results)
        require(not shared and not (done in UNSURE and any(v in family for v in inputs + results)))
    g.do(name, f, x, *args, family=family)


def target(g, ranks=None):
    found = [v for v in g.usable() if v.depth and v.array.numel() and (ranks is None or v.rank in ranks)]
    require(found)
    unused = [v for v in found if not v.uses]
    return rng.choice(unused if unused and rng.random() < 0.7 else found)


def operand(g, x):
    """A value that broadcasts to x."""
    found = [v for v in g.usable() if len(v.shape) <= x.rank and broadcasts(v.shape, x.shape)
             and list(torch.broadcast_shapes(v.shape, x.shape)) == x.shape]
    if found and rng.random() < 0.7:
        return rng.choice(found)
    return g.leaf(part_of(x.shape))


def unary(names, where=None):
    for name in names.split():
        @maker(name)
        def _(g, name=name):
            x = target(g)
            require(where is None or where(x.array))
            write(g, name, lambda x: getattr(x, name)(), x)


unary("neg_ square_ sin_ tanh_ sigmoid_")
unary("exp_", lambda x: bool((x < 3).all()))
unary("relu_ abs_", outside(MARGIN))


@maker("add_", "sub_", "mul_", "div_")
def _(g, name):
    x = target(g)
    y = scalar() if rng.random() < 0.3 else operand(g, x)
    if name == "div_" and not isinstance(y, (int, float)):
        y = nonzero(g, y)
    if name == "add_" and not isinstance(y, (int, float)) and y.dtype == x.dtype and rng.random() < 0.3:
        return write(g, name, lambda x, y, alpha: x.add_(y, alpha=alpha), x, y, rng.choice([0.5, -1.25]))
    write(g, name, lambda x, y: getattr(x, name)(y), x, y)


@maker("pow_")
def _(g):
    write(g, "pow_", lambda x, e: x.pow_(e), target(g), rng.choice([2, 3]))


@maker("clamp_")
def _(g):
    x = target(g)
    low, high = sorted([scalar(), scalar()])
    require(apart(x.array, low, high))
    write(g, "clamp_", lambda x, low, high: x.clamp_(low, high), x, low, high)


@maker("fill_")
def _(g):
    write(g, "fill_", lambda x, value: x.fill_(value), target(g), scalar())


@maker("copy_")
def _(g):
    x = target(g)
    write(g, "copy_", lambda x, y: x.copy_(y), x, operand(g, x))


@maker("masked_fill_")
def _(g):
    x = target(g)
    scalars = [v for v in g.usable() if v.rank == 0 and v.dtype == x.dtype]
    value = rng.choice(scalars) if scalars and rng.random() < 0.5 else scalar()
    write(g, "masked_fill_", lambda x, m, v: x.masked_fill_(m, v), x, mask(part_of(x.shape)), value)


@maker("lerp_")
def _(g):
    x = target(g)
    y = operand(g, x)
    require(y.dtype == x.dtype)
    write(g, "lerp_", lambda x, y, w: x.lerp_(y, w), x, y, rng.choice([0.25, 0.75]))


@maker("addcmul_")
def _(g):
    x = target(g)
    write(g, "addcmul_", lambda x, a, b, v: x.addcmul_(a, b, value=v), x, operand(g, x), operand(g, x), scalar())


@maker("index_put_")
def _(g):
    """x[index] = value, or +=."""
    x = target(g, [1, 2, 3])
    count = rng.randint(1, x.shape[0])
    add = rng.random() < 0.5
    index = torch.tensor(rng.sample(range(x.shape[0]), count))  # each once: of two values, either may stay
    if add:
        index = index_array([count], x.shape[0])
    def f(x, index, value, add):
        return x.index_put_([index], value, accumulate=add)
    write(g, "index_put_", f, x, index, g.shaped([count] + x.shape[1:], x.dtype), add)


@maker("scatter_", "scatter_add_")
def _(g, name):
    x = target(g, [1, 2, 3])
    d = rng.randrange(x.rank)
    shape = [rng.randint(1, e) for e in x.shape]
    lines = torch.rand([math.prod(shape) // shape[d], x.shape[d]], generator=torch.Generator().manual_seed(
        rng.randrange(1 << 30))).argsort(-1)[:, :shape[d]]  # no place twice in a line
    rest = shape[:d] + shape[d + 1:]
    index = lines.reshape(rest + [shape[d]]).movedim(-1, d).contiguous()
    source = g.shaped(shape, x.dtype)
    write(g, name, lambda x, d, i, s: getattr(x, name)(d, i, s), x, d, index, source)


@maker("index_add_")
def _(g):
    x = target(g, [1, 2, 3])
    d = rng.randrange(x.rank)
    index = index_array([rng.randint(1, 4)], x.shape[d])
    shape = x.shape
    shape[d] = len(index)
    write(g, "index_add_", lambda x, d, i, s: x.index_add_(d, i, s), x, d, index, g.shaped(shape, x.dtype))
