"""Makers of elementwise operations."""

import torch

from graph import Value, require, rng
from graph_makers import (
    MAKERS, MARGIN, WAYS_TO_POSITIVE, apart, between, bring, broadcasts, flip_coin, in_unit, integers, maker,
    mask, moderate, outside, part_of, partner, positive, scalar)


# ---- Functions of one array

def unary(names, prepare=None, where=None):
    for name in names.split():
        def make(g, name=name):
            v = g.pick()
            if prepare:
                v = prepare(g, v)
            require(where is None or where(v.array))
            g.do(name, getattr(torch, name), v)
        MAKERS[name] = make


unary("neg sin cos atan tanh sigmoid erf erfc")
unary("square", lambda g, v: moderate(g, v, 5.0))
unary("exp expm1 sinh cosh", moderate)
unary("abs relu sign", where=outside(MARGIN))
unary("floor ceil trunc frac", where=lambda x: apart(x, x.round()))
unary("round", where=lambda x: apart(x, x.floor() + 0.5))
unary("log log2 sqrt rsqrt reciprocal", positive)
unary("log1p", lambda g, v: bring(g, v, between(-0.8, 30), *WAYS_TO_POSITIVE))
unary("tan", lambda g, v: moderate(g, v, 1.2))
unary("asin acos", in_unit)


# ---- Functions of several arrays

def floating(a, like):
    return torch.as_tensor(a, dtype=torch.result_type(a, like))


BINARY = {
    "clamp_min": lambda x, low: torch.clamp(x, min=low),
    "clamp_max": lambda x, high: torch.clamp(x, max=high),
    # PyTorch takes the logarithm of an integer array in float32, and has no derivative of number % array.
    "pow": lambda a, b: torch.pow(floating(a, b), b),
    "remainder": lambda a, b: torch.remainder(floating(a, b), b),
}


def binary(names, first=None, second=None, where=None, right_only=False):
    """With what brings each operand into the domain, or None; `where` is asked of both arrays."""
    for name in names.split():
        f = BINARY.get(name) or getattr(torch, name)
        def make(g, name=name, f=f):
            v = g.pick()
            a, b = v, partner(g, v)
            kind = rng.random()
            if kind < 0.1:
                b = integers(part_of(v.shape))
            elif kind < 0.3 and name not in ("maximum", "minimum", "atan2"):  # PyTorch's take no number
                b = scalar()
            if not right_only or isinstance(b, Value):
                a, b = flip_coin(a, b)
            def domain(prepare, x):
                if prepare is None:
                    return x
                return prepare(g, x) if isinstance(x, Value) else abs(x) if prepare is base else x
            a, b = domain(first, a), domain(second, b)
            x, y = [torch.as_tensor(w.array if isinstance(w, Value) else w, dtype=torch.float64) for w in (a, b)]
            require(where is None or where(*torch.broadcast_tensors(x, y)))
            g.do(name, f, a, b)
        MAKERS[name] = make


def nonzero(g, v):
    return bring(g, v, outside(0.3), *WAYS_TO_POSITIVE)


def base(g, v):
    return positive(g, v, 0.2, 5.0)


def quotient_apart(a, b):
    q = a / b
    return apart(q, q.round())


binary("add sub mul")
binary("div", second=nonzero)
binary("pow", base, moderate)
binary("fmod remainder", None, nonzero, quotient_apart)
binary("maximum minimum", where=lambda a, b: apart(a, b))
binary("clamp_min clamp_max", where=lambda a, b: apart(a, b), right_only=True)
binary("atan2", where=lambda a, b: bool(((a.abs() > 0.1) | (b > 0.1)).all()))


@maker("clamp")
def _(g):
    x = g.pick()
    if rng.random() < 0.5:
        low, high = sorted([scalar(), scalar()])
        require(apart(x.array, low, high))
        return g.do("clamp", torch.clamp, x, low, high)
    low, high = partner(g, x), partner(g, x)
    require(broadcasts(low.shape, high.shape))
    require(apart(x.array, low.array, high.array) and apart(low.array, high.array))
    require(bool((low.array < high.array).all()))
    g.do("clamp", torch.clamp, x, low, high)


@maker("lerp")
def _(g):
    a = g.pick()
    b = partner(g, a)
    # PyTorch takes another formula for weights from 0.5 on.
    g.do("lerp", torch.lerp, a, b, rng.choice([0.25, 0.75, -0.5]) if rng.random() < 0.5 else partner(g, a))


@maker("addcmul")
def _(g):
    x = g.pick()
    g.do("addcmul", lambda x, a, b, v: torch.addcmul(x, a, b, value=v), x, partner(g, x), partner(g, x), scalar())


@maker("addcdiv")
def _(g):
    x = g.pick()
    a, b = partner(g, x), nonzero(g, partner(g, x))
    g.do("addcdiv", lambda x, a, b, v: torch.addcdiv(x, a, b, value=v), x, a, b, scalar())


@maker("where")
def _(g):
    a = g.pick()
    b = partner(g, a)
    shape = torch.broadcast_shapes(a.shape, b.shape)
    g.do("where", torch.where, mask(part_of(shape)), *flip_coin(a, b))
