"""Random calls of reductions, running sums and sorting."""

import math

import torch

from cases import *  # the vocabulary of all makers


def over_dims(name, dtypes, f, tolerance, domain="real", low=0.07, none=True):
    def make():
        x = array(rng.choice(dtypes), extents(low=low), domain)
        dims, keepdim = some_dims(x, none), rng.random() < 0.3
        return [x, dims, keepdim], f
    op(name, tolerance, widen=True)(make)


over_dims("sum", ALL, lambda x, d, k: x.sum(d, k) if d else x.sum(list(range(x.dim())), k) if x.dim() else x.sum(), 3e-5)
over_dims("mean", FLOATS, lambda x, d, k: x.mean(d or list(range(x.dim())), k) if x.dim() else x.mean(), 1e-5)
over_dims("amax", ALL, lambda x, d, k: torch.amax(x, d, k), 0, "any", 0)
over_dims("amin", ALL, lambda x, d, k: torch.amin(x, d, k), 0, "any", 0)
over_dims("logsumexp", WIDE, lambda x, d, k: torch.logsumexp(x, d, k), 1e-5, none=False)


def all_or_dim(name, dtypes, f=None, domain="any", tolerance=0.0, low=0.0):
    def make():
        x = array(rng.choice(dtypes), extents(low=low, largest=4), domain)
        g = f or getattr(torch, name)
        if rng.random() < 0.3:
            return [x], g
        return [x, dim_of(x), rng.random() < 0.3], g
    op(name, tolerance, widen=True)(make)


all_or_dim("max", ALL)
all_or_dim("min", ALL)
all_or_dim("argmax", NUMBERS)
all_or_dim("argmin", NUMBERS)
all_or_dim("prod", ALL, domain="unit", tolerance=1e-5, low=0.05)
all_or_dim("all", ALL, low=0.05, domain="small")
all_or_dim("any", ALL, low=0.05, domain="small")


def spread(name):
    def make():
        x = array(rng.choice(FLOATS), extents(), "real")
        dims = some_dims(x)
        return ([x, dims, rng.choice([0, 1, 1, 2]), rng.random() < 0.3],
                lambda x, d, c, k: getattr(torch, name)(x, d or None, correction=c, keepdim=k))
    op(name, 2e-5, widen=True)(make)


spread("var")
spread("std")


@op("norm", 2e-5, widen=True)
def _():
    x = array(rng.choice(FLOATS), extents(low=0), "real")
    p = rng.choice([2, 1, 0, 3, 2.5, math.inf, -math.inf])
    return [x, p, some_dims(x), rng.random() < 0.3], lambda x, p, d, k: torch.linalg.vector_norm(x, p, d or None, k)


@op("count_nonzero")
def _():
    x = array(rng.choice(ALL), extents(), "small")
    return [x, some_dims(x)], lambda x, d: torch.count_nonzero(x, d or None)


def along(name, dtypes, domain, tolerance, f=None):
    def make():
        x = array(rng.choice(dtypes), extents(), domain)
        return [x, dim_of(x)], f or getattr(torch, name)
    op(name, tolerance, widen=True)(make)


along("softmax", FLOATS, "real", 2e-6)
along("log_softmax", FLOATS, "real", 5e-6)
along("cumsum", ALL, "real", 2e-5)
along("cumprod", ALL, "unit", 1e-5)


@op("sort")
def _():
    x = array(rng.choice(ALL), extents(), rng.choice(["any", "small"]))
    return [x, dim_of(x), rng.random() < 0.5], lambda x, d, r: torch.sort(x, stable=True, dim=d, descending=r)


@op("argsort")
def _():
    x = array(rng.choice(NUMBERS), extents(), "real")
    return [x, dim_of(x), rng.random() < 0.5], lambda x, d, r: torch.sort(x, stable=True, dim=d, descending=r)[1]


@op("topk")
def _():
    x = torch.randperm(24, generator=torch.Generator().manual_seed(rng.randrange(1 << 30)))
    x = x.reshape(rng.choice([[24], [4, 6], [2, 3, 4]])).to(DTYPES[rng.choice(NUMBERS)])
    d = dim_of(x)
    return [x, rng.randint(0, x.shape[d]), d, rng.random() < 0.5], torch.topk


@op("unique")
def _():
    x = array(rng.choice(["uint8", "int32", "int64", "float32", "float64"]), extents(), "small")
    return [x], lambda x: torch.unique(x, return_inverse=True, return_counts=True)
