"""Makers of reductions, running sums, order and softmax."""

import math

import torch
import torch.nn.functional as F

from graph import require, rng
from graph_makers import (
    MARGIN, WAYS_TO_SPREAD, absolutely_distinct, bring, dim_of, every, has_elements, index_array, keep, maker,
    outside, some_dims, spread)


@maker("sum", "mean")
def _(g, name):
    v = g.pick(where=has_elements if name == "mean" else lambda v: True)
    f = lambda x, d, k: getattr(x, name)(every(x, d), k) if x.dim() else getattr(x, name)()
    g.do(name, f, v, some_dims(v), keep())


@maker("amax", "amin")
def _(g, name):
    v = spread(g, g.pick(where=has_elements))
    g.do(name, getattr(torch, name), v, some_dims(v), keep())


@maker("max", "min")
def _(g, name):
    v = g.pick(where=has_elements)
    if rng.random() < 0.3:
        v = spread(g, v)
        return g.do(name, getattr(torch, name), v)
    dim = dim_of(v)
    g.do(name, getattr(torch, name), spread(g, v, dim), dim, keep())


@maker("prod")
def _(g):
    v = g.pick()
    # The second derivative of PyTorch's product of all elements is wrong for two zeros, that along a dimension right.
    f = lambda x, *dim: torch.prod(x, *dim) if dim else torch.prod(x.reshape(-1), 0)
    g.do("prod", f, v, *([] if rng.random() < 0.3 else [dim_of(v), keep()]))


@maker("var", "std")
def _(g, name):
    v = g.pick(where=has_elements)
    dims, correction, k = some_dims(v), rng.choice([0, 1, 1]), keep()
    f = lambda x, d, c, k: getattr(torch, name)(x, d or None, correction=c, keepdim=k)
    require(bool((torch.var(v.array, dims or None, correction=correction, keepdim=k) > 0.02).all()))
    g.do(name, f, v, dims, correction, k)


@maker("norm")
def _(g):
    v = g.pick(where=has_elements)
    dims, k, p = some_dims(v), keep(), rng.choice([2, 2, 1, 3, 2.5, 0, math.inf, -math.inf])
    if p != 2:
        require(outside(MARGIN)(v.array))
    if math.isinf(p):
        v = bring(g, v, absolutely_distinct, *WAYS_TO_SPREAD)
    def f(x, p, d, k):
        y = torch.linalg.vector_norm(x, p, d or None, k)
        return y if p else y + 0 * torch.linalg.vector_norm(x, 2, d or None, k)  # PyTorch: no gradient instead of zeros
    require(bool((f(v.array, 2, dims, k) > 0.2).all()))
    g.do("norm", f, v, p, dims, k)


@maker("logsumexp")
def _(g):
    v = g.pick(where=has_elements)
    g.do("logsumexp", torch.logsumexp, v, some_dims(v, none=False), keep())


@maker("softmax", "log_softmax", "cumsum", "cumprod")
def _(g, name):
    v = g.pick()
    g.do(name, getattr(torch, name), v, dim_of(v))


@maker("sort")
def _(g):
    v = g.pick(where=has_elements)
    dim = dim_of(v)
    g.do("sort", lambda x, d, r: torch.sort(x, dim=d, descending=r, stable=True), spread(g, v, dim), dim, keep())


@maker("topk")
def _(g):
    v = g.pick([1, 2, 3, 4], has_elements)
    dim = dim_of(v)
    v = spread(g, v, dim)
    g.do("topk", torch.topk, v, rng.randint(1, v.shape[dim]), dim, rng.random() < 0.5)


@maker("cross_entropy")
def _(g):
    v = g.pick(2, has_elements)
    f = lambda x, labels: F.cross_entropy(x, labels, reduction="none")
    g.do("cross_entropy", f, v, index_array(v.shape[:1], v.shape[1]))
