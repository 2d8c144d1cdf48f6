"""Makers of views, and of copies that rearrange, join, repeat and pad."""

import math

import torch
import torch.nn.functional as F

from graph import require, rng
from graph_makers import dim_of, has_elements, maker, part_of, scalar, with_rank
from operands import factors


@maker("reshape")
def _(g):
    x = g.pick()
    g.do("reshape", torch.reshape, x, factors(x.array.numel(), 6))


def fresh(g, x):
    """Row-major and with a storage of its own in both libraries: their layouts differ elsewhere."""
    return g.do("contiguous", lambda x: x.contiguous(), g.do("add", torch.add, x, scalar()))


@maker("view")
def _(g):
    x = g.do("contiguous", lambda x: x.contiguous(), g.pick())
    g.do("view", lambda x, s: x.view(s), x, factors(x.array.numel(), 6))


@maker("as_strided")
def _(g):
    x = fresh(g, g.pick(where=has_elements))
    n = x.array.numel()
    shape, strides = [rng.randint(1, 3) for _ in range(rng.randint(0, 2))], [rng.randint(0, 3) for _ in range(2)]
    strides = strides[:len(shape)]
    last = sum((e - 1) * s for e, s in zip(shape, strides))
    require(last < n)
    g.do("as_strided", torch.as_strided, x, shape, strides, rng.randint(0, n - 1 - last))


@maker("flatten")
def _(g):
    x = g.pick()
    g.do("flatten", torch.flatten, x, dim_of(x), dim_of(x))


@maker("unflatten")
def _(g):
    x = g.do("contiguous", lambda x: x.contiguous(), g.pick([1, 2, 3], has_elements))
    d = rng.randrange(x.rank)
    e = x.shape[d]
    k = rng.choice([k for k in range(1, e + 1) if e % k == 0])
    g.do("unflatten", lambda x, d, s: x.unflatten(d, s), x, d, rng.choice([[k, e // k], [k, -1], [-1, k]]))


@maker("permute", "flip")
def _(g, name):
    x = g.pick([2, 3, 4]) if name == "permute" else g.pick([1, 2, 3])
    count = x.rank if name == "permute" else rng.randint(1, x.rank)
    g.do(name, getattr(torch, name), x, rng.sample(range(x.rank), count))


@maker("movedim")
def _(g):
    x = g.pick([1, 2, 3, 4])
    k = rng.randint(1, x.rank)
    g.do("movedim", torch.movedim, x, rng.sample(range(x.rank), k), rng.sample(range(x.rank), k))


@maker("transpose")
def _(g):
    x = g.pick()
    g.do("transpose", torch.transpose, x, dim_of(x), dim_of(x))


@maker("t")
def _(g):
    g.do("t", torch.t, g.pick([0, 1, 2, 2, 2]))


@maker("expand", "broadcast_to")
def _(g, name):
    x = g.pick()
    shape = [rng.randint(1, 3) if e == 1 else e if rng.random() < 0.8 else -1 for e in x.shape]
    if rng.random() < 0.5:
        shape = [rng.randint(1, 3)] + shape
    if name == "broadcast_to":
        shape = [e if s == -1 else s for e, s in zip(([1] + x.shape)[-len(shape):] if shape else [], shape)]
    g.do(name, lambda x, s: x.expand(s), x, shape)


@maker("sum_to")
def _(g):
    x = g.pick()
    g.do("sum_to", lambda x, s: x.sum_to_size(s), x, part_of(x.shape))


@maker("squeeze")
def _(g):
    x = g.pick(where=lambda v: 1 in v.shape or rng.random() < 0.2)
    g.do("squeeze", torch.squeeze, x, *([dim_of(x)] if rng.random() < 0.5 else []))


@maker("unsqueeze")
def _(g):
    x = g.pick([0, 1, 2, 3])
    g.do("unsqueeze", torch.unsqueeze, x, rng.randint(-x.rank - 1, x.rank))


@maker("narrow")
def _(g):
    x = g.pick([1, 2, 3, 4])
    d = dim_of(x)
    start = rng.randint(0, max(x.shape[d] - 1, 0))
    g.do("narrow", torch.narrow, x, d, start, rng.randint(min(1, x.shape[d]), x.shape[d] - start))


@maker("select")
def _(g):
    x = with_rank(g)
    d = dim_of(x)
    g.do("select", torch.select, x, d, rng.randint(-x.shape[d], x.shape[d] - 1))


@maker("slice")
def _(g):
    x = g.pick([1, 2, 3, 4])
    d = rng.randrange(x.rank)
    f = lambda x, d, a, b, s: x[(slice(None),) * d + (slice(a, b, s),)]
    g.do("slice", f, x, d, rng.randint(-4, 1), rng.randint(1, 6), rng.randint(1, 3))


@maker("diagonal")
def _(g):
    x = g.pick([2, 3, 4])
    a, b = rng.sample(range(x.rank), 2)
    g.do("diagonal", torch.diagonal, x, rng.randint(-1, 1), a, b)


@maker("contiguous")
def _(g):
    g.do("contiguous", lambda x: x.contiguous(), g.pick())


@maker("clone")
def _(g):
    g.do("clone", torch.clone, g.pick())


@maker("to")
def _(g):
    x = g.pick()
    g.do("to", lambda x, d: x.to(d), x, rng.choice([torch.float32, torch.float64]) if g.mixed else x.dtype)


@maker("roll")
def _(g):
    x = g.pick([1, 2, 3])
    if rng.random() < 0.3:
        return g.do("roll", lambda x, s, d: torch.roll(x, s), x, [rng.randint(-5, 5)], [])
    dims = rng.sample(range(x.rank), rng.randint(1, x.rank))
    g.do("roll", torch.roll, x, [rng.randint(-5, 5) for _ in dims], dims)


@maker("repeat", "tile")
def _(g, name):
    x = g.pick([0, 1, 2])
    repeats = [rng.randint(1, 2) for _ in range(x.rank + rng.randint(0, 1))]
    if name == "tile":
        repeats = repeats[rng.randint(0, max(len(repeats) - 1, 0)):]
    g.do(name, lambda x, r: getattr(x, name)(r), x, repeats)


@maker("chunk")
def _(g):
    x = g.pick([1, 2, 3])
    g.do("chunk", torch.chunk, x, rng.randint(1, 3), dim_of(x))


@maker("split")
def _(g):
    x = with_rank(g)
    d = dim_of(x)
    first = rng.randint(0, x.shape[d])
    g.do("split", torch.split, x, rng.randint(1, 3) if rng.random() < 0.5 else [first, x.shape[d] - first], d)


@maker("unbind")
def _(g):
    x = with_rank(g)
    d = dim_of(x)
    require(x.shape[d] <= 4)
    g.do("unbind", torch.unbind, x, d)


@maker("cat")
def _(g):
    x = g.pick([1, 2, 3])
    d = rng.randrange(x.rank)
    def other():
        shape = x.shape
        shape[d] = rng.randint(0, 3) if rng.random() < 0.3 else x.shape[d]
        return g.shaped(shape)
    values = [x] + [other() for _ in range(rng.randint(0, 2))]
    rng.shuffle(values)
    g.do("cat", torch.cat, values, d)


@maker("stack")
def _(g):
    x = g.pick([0, 1, 2, 3])
    values = [x] + [g.shaped(x.shape) for _ in range(rng.randint(0, 2))]
    rng.shuffle(values)
    g.do("stack", torch.stack, values, rng.randint(-x.rank - 1, x.rank))


@maker("pad")
def _(g):
    mode = rng.choice(["constant", "reflect", "replicate", "circular"])
    if mode == "constant":
        x = g.pick([1, 2, 3])
        padding = [rng.randint(-1 if e > 2 else 0, 2) for e in x.shape[::-1][:rng.randint(1, x.rank)] for _ in range(2)]
        return g.do("pad", lambda x, p, m, v: F.pad(x, p, m, v), x, padding, mode, scalar())
    x = g.pick([2, 3, 4], has_elements)
    pairs = 1 if x.rank == 2 else x.rank - 2 if rng.random() < 0.5 or x.rank == 4 else 2
    most = [min(2, e - 1) if mode == "reflect" else 2 for e in x.shape[::-1][:pairs]]
    padding = [rng.randint(0, m) for m in most for _ in range(2)]
    g.do("pad", lambda x, p, m, v: F.pad(x, p, m), x, padding, mode, 0)


@maker("dilate")
def _(g):
    x = g.pick([1, 2, 3])
    dims, n = sorted(rng.sample(range(x.rank), rng.randint(1, x.rank))), rng.randint(0, 2)
    def f(x, dims, n):
        y = x.new_zeros([e * (n + 1) if d in dims else e for d, e in enumerate(x.shape)])
        y[tuple(slice(None, None, n + 1) if d in dims else slice(None) for d in range(x.dim()))] = x
        return y
    g.do("dilate", f, x, dims, n)


def window():
    return ([rng.randint(1, 2), rng.randint(1, 2)], [rng.randint(1, 2), rng.randint(1, 2)],
            [rng.randint(0, 1), rng.randint(0, 1)], [rng.randint(1, 2), rng.randint(1, 2)])


@maker("unfold")
def _(g):
    x = g.shaped(rng.choice([[1, 1, 3, 4], [2, 1, 3, 3], [1, 4, 3], [1, 2, 3, 3]]))
    k, d, p, s = window()
    g.do("unfold", F.unfold, x, k, d, p, s)


@maker("fold")
def _(g):
    k, d, p, s = window()
    size = [rng.randint(3, 4), rng.randint(3, 4)]
    columns = math.prod((e + 2 * q - w * (n - 1) - 1) // t + 1 for e, q, w, n, t in zip(size, p, d, k, s))
    require(columns > 0)
    g.do("fold", F.fold, g.shaped(rng.choice([[], [1]]) + [k[0] * k[1], columns]), size, k, d, p, s)
