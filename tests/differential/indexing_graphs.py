"""Makers of operations that index."""

import math

import torch

from graph import rng
from graph_makers import dim_of, has_elements, index_array, maker, mask, part_of, scalar, with_rank


@maker("index_select")
def _(g):
    x = with_rank(g)
    d = dim_of(x)
    g.do("index_select", torch.index_select, x, d, index_array([rng.randint(0, 5)], x.shape[d]))


@maker("index_add")
def _(g):
    x = with_rank(g)
    d = rng.randrange(x.rank)
    index = index_array([rng.randint(1, 4)], x.shape[d])
    shape = x.shape
    shape[d] = len(index)
    g.do("index_add", torch.index_add, x, d, index, g.shaped(shape, x.dtype))


def index_inside(x, d):
    return [rng.randint(1, e) if i != d else rng.randint(1, 4) for i, e in enumerate(x.shape)]


@maker("gather")
def _(g):
    x = with_rank(g)
    d = rng.randrange(x.rank)
    g.do("gather", torch.gather, x, d, index_array(index_inside(x, d), x.shape[d]))


def scattered(f):
    """PyTorch's backward of a source that is larger than the index fails."""
    def with_part(x, d, index, source):
        if isinstance(source, torch.Tensor):
            source = source[tuple(slice(0, e) for e in index.shape)]
        return f(x, d, index, source)
    return with_part


@maker("scatter_add")
def _(g):
    x = with_rank(g)
    d = rng.randrange(x.rank)
    shape = index_inside(x, d)
    source = g.shaped([e + rng.randint(0, 1) for e in shape], x.dtype)
    g.do("scatter_add", scattered(torch.scatter_add), x, d, index_array(shape, x.shape[d]), source)


@maker("scatter")
def _(g):
    x = with_rank(g)
    d = rng.randrange(x.rank)
    shape = index_inside(x, d)
    shape[d] = min(shape[d], x.shape[d])
    rows = [torch.tensor(rng.sample(range(x.shape[d]), shape[d])) for _ in range(math.prod(shape) // shape[d])]
    index = torch.stack(rows).reshape(shape[:d] + shape[d + 1:] + [shape[d]]).movedim(-1, d)  # each place once
    source = scalar() if rng.random() < 0.3 else g.shaped([e + rng.randint(0, 1) for e in shape], x.dtype)
    g.do("scatter", scattered(torch.scatter), x, d, index, source)


@maker("take_along_dim")
def _(g):
    x = with_rank(g)
    if rng.random() < 0.2:
        return g.do("take_along_dim", torch.take_along_dim, x, index_array([3], x.array.numel()))
    d = rng.randrange(x.rank)
    shape = [1 if rng.random() < 0.3 else e for e in x.shape]
    shape[d] = rng.randint(1, 4)
    g.do("take_along_dim", torch.take_along_dim, x, index_array(shape, x.shape[d]), d)


@maker("masked_fill")
def _(g):
    x = g.pick()
    value = scalar() if rng.random() < 0.4 else g.shaped([])
    g.do("masked_fill", lambda x, m, v: x.masked_fill(m, v), x, mask(x.shape[rng.randint(0, x.rank):]), value)


@maker("masked_select")
def _(g):
    x = g.pick()
    # The gradient of PyTorch is wrong for an x that is not contiguous.
    g.do("masked_select", lambda x, m: torch.masked_select(x.contiguous(), m), x, mask(part_of(x.shape)))


def random_index(x, advanced):
    """Arguments as replay.h has them, and the index that they stand for."""
    words, index, arrays = [], [], [rng.randint(1, 3)]
    skipped = rng.randint(0, x.rank - 1) if rng.random() < 0.2 else 0
    if skipped:
        words.append("...")
        index.append(...)
    for e in x.shape[skipped:]:
        kind = rng.choice(["int", "slice", "slice", "none"] + (["array", "array", "mask"] if advanced else []))
        if kind == "none":
            words.append(None)
            index.append(None)
            kind = "slice"
        if kind == "int":
            i = rng.randint(-e, e - 1)
            words.append(i)
            index.append(i)
        elif kind == "slice":
            a, b = [rng.choice([None, None, rng.randint(-e, e)]) for _ in range(2)]
            s = rng.choice([None, 1, 2])
            words.append(":".join("" if v is None else str(v) for v in (a, b, s)))
            index.append(slice(a, b, s))
        else:
            if kind == "mask" and not any(isinstance(i, torch.Tensor) for i in index):
                i = mask([e])
                arrays = [int(i.sum())]
            else:
                i = index_array(arrays, e) - rng.choice([0, e])
            words.append(i)
            index.append(i)
    return words, tuple(index)


@maker("index")
def _(g):
    x = g.pick([1, 2, 3, 4], has_elements)
    words, index = random_index(x, rng.random() < 0.6)
    g.do("index", lambda x, *_: x[index], x, *words)


@maker("index_put")
def _(g):
    x = with_rank(g)
    accumulate = rng.random() < 0.5
    if accumulate:
        count = rng.randint(1, x.rank)
        index = tuple(index_array([rng.randint(1, 4)] if i == 0 else [1], e) for i, e in enumerate(x.shape[:count]))
        words = list(index)
    else:
        words, index = random_index(x, False)
    shape = list(x.array[index].shape)
    value = g.shaped(part_of(shape), x.dtype) if rng.random() < 0.8 or accumulate else scalar()
    def f(x, value, accumulate, *_):
        if accumulate:
            return torch.index_put(x, index, value, accumulate=True)
        y = x.clone()
        y[index] = value
        return y
    g.do("index_put", f, x, value, accumulate, *words)
