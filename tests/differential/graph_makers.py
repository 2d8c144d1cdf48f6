"""What the makers of operations share.

A maker adds an operation to a random graph: it picks values that are there, brings them into the domain of the
operation, and raises Reject where that fails or where an element is near a place at which the derivative jumps. MAKERS
has them by name; each is a function of the graph.
"""

import math

import torch

from graph import require, rng

MARGIN = 0.02  # how far elements stay from kinks, ties and the ends of domains
MAKERS = {}


def maker(*names):
    def register(make):
        for name in names:
            MAKERS[name] = (lambda g, name=name: make(g, name)) if len(names) > 1 else make
        return make
    return register


# ---- Conditions and domains

def apart(x, *points):
    """No element is near one of these numbers or arrays."""
    return all(bool(((x - p).abs() > MARGIN).all()) for p in points)


def between(low, high):
    return lambda x: bool(((x > low) & (x < high)).all())


def outside(limit):
    return lambda x: bool((x.abs() > limit).all())


def distinct(x, dim=None):
    """No two elements, along one dimension or at all, are near each other."""
    lines = x.reshape(-1) if dim is None or x.dim() == 0 else x.movedim(dim, -1)
    return lines.shape[-1] < 2 or bool((lines.sort(-1)[0].diff(dim=-1) > MARGIN).all())


def absolutely_distinct(x):
    return distinct(x.abs())


def bring(g, v, holds, *ways):
    """v, or what one of the ways makes of it, so that `holds` of its elements."""
    if holds(v.array):
        return v
    w = rng.choice(ways)(g, v)
    require(holds(w.array))
    return w


WAYS_TO_POSITIVE = (
    lambda g, v: g.do("add", torch.add, g.do("square", torch.square, v), 0.4),
    lambda g, v: g.do("add", torch.add, g.do("sigmoid", torch.sigmoid, v), 0.3),
    lambda g, v: g.do("exp", torch.exp, g.do("tanh", torch.tanh, v)),
    lambda g, v: g.do("add", torch.add, g.do("cos", torch.cos, v), 1.5),
)
WAYS_TO_UNIT = (
    lambda g, v: g.do("mul", torch.mul, g.do("tanh", torch.tanh, v), 0.85),
    lambda g, v: g.do("mul", torch.mul, 0.85, g.do("sin", torch.sin, v)),
    lambda g, v: g.do("sub", torch.sub, g.do("sigmoid", torch.sigmoid, v), 0.5),
    lambda g, v: g.do("div", torch.div, v, 31.0),
)
WAYS_TO_SPREAD = (
    lambda g, v: g.do("add", torch.add, v, torch.tensor(
        [0.37 * i for i in rng.sample(range(v.array.numel()), v.array.numel())], dtype=v.dtype).reshape(v.shape)),
    lambda g, v: g.do("add", torch.add, v, g.leaf(v.shape)),
)


def positive(g, v, low=0.2, high=9.0):
    return bring(g, v, between(low, high), *WAYS_TO_POSITIVE)


def in_unit(g, v, limit=0.9):
    return bring(g, v, between(-limit, limit), *WAYS_TO_UNIT)


def moderate(g, v, limit=3.0):
    return bring(g, v, between(-limit, limit), *WAYS_TO_UNIT)


def spread(g, v, dim=None):
    return bring(g, v, lambda x: distinct(x, dim), *WAYS_TO_SPREAD)


# ---- Choices

def has_elements(v):
    return v.array.numel() > 0


def with_rank(g):
    return g.pick([1, 2, 3], has_elements)


def dim_of(v):
    rank = max(v.rank, 1)
    return rng.randint(-rank, rank - 1)


def some_dims(v, none=True):
    if none and rng.random() < 0.25:
        return []
    dims = rng.sample(range(v.rank), rng.randint(1, v.rank)) if v.rank else [0]
    return [d - max(v.rank, 1) if rng.random() < 0.3 else d for d in dims]


def keep():
    return rng.random() < 0.3


def every(x, dims):
    """PyTorch takes no dimensions for none of them, in places."""
    return dims or list(range(x.dim()))


def scalar():
    return rng.choice([2, -1, 3, 0.5, -1.25, 1.75])


def index_array(shape, extent):
    return torch.tensor([rng.randrange(extent) for _ in range(math.prod(shape))], dtype=torch.int64).reshape(shape)


def integers(shape):
    return torch.tensor([rng.choice([1, 2, 3, -2]) for _ in range(math.prod(shape))], dtype=torch.int64).reshape(shape)


def mask(shape):
    return torch.tensor([rng.random() < 0.5 for _ in range(math.prod(shape))], dtype=torch.bool).reshape(shape)


def part_of(shape):
    """A shape that broadcasts to this one."""
    shape = [1 if rng.random() < 0.25 else e for e in shape]
    return shape[rng.randint(0, len(shape)):] if rng.random() < 0.3 else shape


def broadcasts(a, b):
    return all(x == y or x == 1 or y == 1 for x, y in zip(a[::-1], b[::-1]))


def partner(g, v):
    """A value that broadcasts with v."""
    if rng.random() < 0.6:
        found = [w for w in g.usable() if broadcasts(w.shape, v.shape)]
        if found:
            return rng.choice(found)
    return g.leaf(part_of(v.shape))


def flip_coin(a, b):
    return (a, b) if rng.random() < 0.5 else (b, a)


# ---- The end of a graph

def output(g):
    """Chooses what backward begins from: outputs with gradients given, or a weighted sum of all."""
    g.limit = g.largest = math.inf
    ends = [v for v in g.usable() if v.depth > 0 and (not v.uses or rng.random() < 0.1)]
    require(ends, "empty")
    g.depth = max(v.depth for v in ends)
    if len(ends) <= 3 and rng.random() < 0.5:
        for v in ends:
            if rng.random() < 0.5:
                gradient = g.constant(v.shape).to(v.dtype)
            else:
                gradient = next((w for w in g.usable() if w.shape == v.shape and w.dtype == v.dtype
                                 and w is not v and w.depth < v.depth), None) or g.constant(v.shape).to(v.dtype)
            g.roots.append((v, gradient))
        return
    total = None
    for v in ends:
        if v.rank or v.uses or rng.random() < 0.5:
            weight = g.constant(part_of(v.shape)) if rng.random() < 0.7 else g.constant([])
            v = g.do("sum", lambda x, d, k: x.sum(), g.do("mul", torch.mul, v, weight), [], False)
        total = v if total is None else g.do("add", torch.add, total, v)
    g.roots.append((total, None))
