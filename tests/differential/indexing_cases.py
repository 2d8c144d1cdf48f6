"""Random calls of indexing and creation."""

import math

import torch

from cases import *  # the vocabulary of all makers


def index_array(shape, extent):
    return torch.tensor([rng.randrange(extent) for _ in range(math.prod(shape))], dtype=torch.int64).reshape(shape)


@op("index_select")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = dim_of(x)
    return [x, d, index_array([rng.randint(0, 5)], x.shape[d])], torch.index_select


@op("index_add", 1e-5)
def _():
    x = array(rng.choice(NUMBERS), extents(rank=rng.randint(1, 3), low=0), "real")
    d = rng.randrange(x.dim())
    index = index_array([rng.randint(0, 5)], x.shape[d])
    shape = list(x.shape)
    shape[d] = len(index)
    return [x, d, index, array(x.dtype, shape, "real")], torch.index_add


def index_inside(x, d):
    return [rng.randint(1, e) if i != d else rng.randint(1, 4) for i, e in enumerate(x.shape)]


def ranks_zero_and_one(dtypes):
    """x, a dimension and an index, of which one at least is 0-d."""
    if rng.random() < 0.5:
        x = array(rng.choice(dtypes), [], "real")
        return x, rng.choice([-1, 0]), index_array([rng.randint(0, 4)], 2 if rng.random() < 0.1 else 1)
    x = array(rng.choice(dtypes), [rng.randint(1, 4)], "real")
    return x, rng.choice([-1, 0]), index_array([], x.shape[0])


@op("gather")
def _():
    if rng.random() < 0.2:
        return [*ranks_zero_and_one(ALL)], torch.gather
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = rng.randrange(x.dim())
    return [x, d, index_array(index_inside(x, d), x.shape[d])], torch.gather


@op("scatter_add", 1e-5)
def _():
    if rng.random() < 0.2:
        x, d, index = ranks_zero_and_one(["float32", "float64", "int64", "int32"])
        shape = [] if rng.random() < 0.3 else [index.numel() + rng.randint(0, 1)]
        return [x, d, index, array(x.dtype, shape, "real")], torch.scatter_add
    x = array(rng.choice(["float32", "float64", "int64", "int32"]), extents(rank=rng.randint(1, 3), low=0), "real")
    d = rng.randrange(x.dim())
    shape = index_inside(x, d)
    return [x, d, index_array(shape, x.shape[d]), array(x.dtype, [e + rng.randint(0, 1) for e in shape], "real")], torch.scatter_add


@op("scatter")
def _():
    if rng.random() < 0.2:
        x, d, index = ranks_zero_and_one(ALL)
        shape = [] if rng.random() < 0.3 else [index.numel() + rng.randint(0, 1)]
        return [x, d, index, rng.choice([1, 2]) if rng.random() < 0.3 else array(x.dtype, shape, "real")], torch.scatter
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = rng.randrange(x.dim())
    shape = index_inside(x, d)
    shape[d] = min(shape[d], x.shape[d])
    index = torch.stack([torch.tensor(rng.sample(range(x.shape[d]), shape[d])) for _ in range(math.prod(shape) // shape[d])])
    others = shape[:d] + shape[d + 1:]
    index = index.reshape(others + [shape[d]]).movedim(-1, d)  # each place once, so that the result is unique
    source = rng.choice([1, 2]) if rng.random() < 0.3 else array(x.dtype, shape)
    return [x, d, index, source], torch.scatter


@op("take_along_dim")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = rng.randrange(x.dim())
    shape = [1 if rng.random() < 0.3 and i != d else e for i, e in enumerate(x.shape)]
    shape[d] = rng.randint(1, 4)
    return [x, index_array(shape, x.shape[d]), d], torch.take_along_dim


@op("masked_fill")
def _():
    x = array(rng.choice(ALL), extents())
    shape = list(x.shape)[rng.randint(0, x.dim()):]
    return [x, array("bool", shape), rng.choice([1, 2] if x.dtype != torch.bool else [True])], lambda x, m, v: x.masked_fill(m, v)


@op("masked_select")
def _():
    a, b = broadcast_pair()
    return [array(rng.choice(ALL), a), array("bool", b)], torch.masked_select


op("nonzero")(lambda: ([array(rng.choice(ALL), extents(), "small")], torch.nonzero))


@op("one_hot")
def _():
    x = index_array(extents(rank=rng.randint(0, 2), low=0), 4)
    return [x, rng.choice([-1, 4, 6])], torch.nn.functional.one_hot


def random_indices(x, advanced):
    """Words for the case and the matching Python index."""
    words, index = [], []
    d = 0
    has_ellipsis = False
    left = x.dim()
    arrays = [rng.randint(1, 3)] if rng.random() < 0.7 else [rng.randint(1, 2), rng.randint(1, 3)]
    while left:
        kind = rng.choice(["int", "slice", "slice", "none", "ellipsis", "stop"] + (["array", "mask"] if advanced else []))
        if kind == "stop":
            break
        if kind == "none":
            if index.count(None) > 1:
                continue
            words.append(None)
            index.append(None)
        elif kind == "ellipsis":
            if has_ellipsis and (not advanced or rng.random() < 0.8):
                continue
            has_ellipsis = True
            words.append("...")
            index.append(...)
            d = x.dim() - left  # known again only from the end
            skip = rng.randint(0, left)
            d += skip
            left -= skip
            if skip != 0 and left == 0:
                break
        else:
            e = x.shape[d]
            if kind == "int":
                if e == 0:
                    continue
                i = rng.randint(-e, e - 1)
                words.append(i)
                index.append(i)
            elif kind == "slice":
                a, b = [rng.choice([None, rng.randint(-e - 1, e + 1)]) for _ in range(2)]
                s = rng.choice([None, 1, 2])
                words.append(":".join("" if v is None else str(v) for v in (a, b, s)))
                index.append(slice(a, b, s))
            elif kind == "array":
                if e == 0:
                    continue
                i = index_array(arrays, e) - rng.choice([0, e])
                words.append(i)
                index.append(i)
            else:
                n = sum(1 for i in index if isinstance(i, torch.Tensor))
                if n:
                    continue
                i = array("bool", [e])
                words.append(i)
                index.append(i)
                arrays = [int(i.sum())]
            d += 1
            left -= 1
    if not index:
        return ["..."], (...,)
    return words, tuple(index)


@op("index")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 4), low=0.03))
    words, index = random_indices(x, rng.random() < 0.6)
    return [x, *words], lambda x, *_: x[index]


@op("index_put")
def _():
    x = array(rng.choice(["float32", "float64", "int64"]), extents(rank=rng.randint(1, 3), low=0))
    words, index = random_indices(x, False)
    shape = list(x[index].shape)
    value = array(x.dtype, shape[rng.randint(0, len(shape)):]) if rng.random() < 0.7 else rng.randint(1, 5)
    def f(x, value, *_):
        y = x.clone()
        y[index] = value
        return y
    return [x, value, False, *words], f


# ---- Creation

op("arange")(lambda: ([scalar_number(), scalar_number(), rng.choice([1, 2, 0.5, -1, 0.3])], lambda a, b, s: torch.arange(a, b, s)))
op("linspace", 1e-6)(lambda: ([round(rng.uniform(-5, 5), 2), round(rng.uniform(-5, 5), 2), rng.randint(0, 20), DTYPES[rng.choice(WIDE)]],
                              lambda a, b, n, d: torch.linspace(a, b, n, dtype=d)))
op("eye")(lambda: ([rng.randint(0, 5), rng.randint(0, 5)], torch.eye))
op("full")(lambda: ([extents(), rng.choice([1, 0, 2]), DTYPES[rng.choice(ALL)]], lambda s, v, d: torch.full(s, v, dtype=d)))


def scalar_number():
    return rng.choice([rng.randint(-5, 9), round(rng.uniform(-5, 9), 2)])
