#!/usr/bin/python3
"""Random calls of every operation, in PyTorch and in Lamina.

    bazel run //tests/differential:against_torch -- --cases=10000 [--seed=N] [--ops=TEXT]

makes the cases, asks PyTorch for the results, has Lamina replay them, and prints each disagreement and the counts.

    bazel run //tests/differential:against_torch -- --write=FILE --cases=1000

writes the cases to a file instead: tests/differential/golden.txt is one. Needs Debian's python3-torch.
"""

import argparse
import collections
import math
import os
import random
import subprocess
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

DTYPES = {
    "bool": torch.bool, "uint8": torch.uint8, "int32": torch.int32, "int64": torch.int64,
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
ALL = list(DTYPES)
FLOATS = ["float16", "bfloat16", "float32", "float64"]
WIDE = ["float32", "float64"]
INTEGERS = ["uint8", "int32", "int64"]
NUMBERS = INTEGERS + FLOATS
HALVES = (torch.float16, torch.bfloat16)

rng = random.Random()
large_extents = True  # now and then; not in golden.txt, to keep it small


# ---- Arrays

def extents(rank=None, largest=5, low=0.07):
    rank = rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]) if rank is None else rank
    shape = [rng.randint(1, largest) for _ in range(rank)]
    if rank and rng.random() < low:
        shape[rng.randrange(rank)] = 0
    if rank and large_extents and rng.random() < 0.1:
        shape[rng.randrange(rank)] = rng.choice([17, 33, 70])
    return shape


def numbers(n, dtype, domain):
    """n values of a domain: any (with infinities, NaN and large ones), real, positive, unit, small (with ties)."""
    if dtype == torch.bool:
        return torch.tensor([rng.random() < 0.5 for _ in range(n)], dtype=dtype)
    if not dtype.is_floating_point:
        low = 1 if domain == "positive" else 0 if dtype == torch.uint8 else -9
        high = 2 if domain == "small" else 9
        return torch.tensor([rng.randint(low, high) for _ in range(n)], dtype=torch.int64).to(dtype)
    def one():
        if domain == "any" and rng.random() < 0.06:
            return rng.choice([math.inf, -math.inf, math.nan, 0.0, -0.0, 1e-30, -1e30, 1e4, 100.5, -100.5])
        if domain == "positive":
            return rng.uniform(0.1, 4)
        if domain == "unit":
            return rng.uniform(-0.95, 0.95)
        if domain == "small":
            return float(rng.randint(-1, 2))
        return rng.gauss(0, 2)
    return torch.tensor([one() for _ in range(n)], dtype=torch.float64).to(dtype)


def array(dtype, shape, domain="any"):
    """Values in one of several layouts."""
    dtype = DTYPES[dtype] if isinstance(dtype, str) else dtype
    count = math.prod(shape)
    x = numbers(count, dtype, domain).reshape(shape)
    layout = rng.choice(["plain", "plain", "transposed", "gaps", "expanded"])
    if layout == "transposed" and len(shape) > 1:
        order = list(range(len(shape)))
        rng.shuffle(order)
        inverse = [order.index(i) for i in range(len(shape))]
        return x.permute(order).contiguous().permute(inverse)
    if layout == "gaps" and shape:
        wide = numbers(math.prod([2 * e + 1 for e in shape]), dtype, domain).reshape([2 * e + 1 for e in shape])
        for d in range(len(shape)):
            wide = wide.narrow(d, 1, 2 * shape[d]) if shape[d] else wide.narrow(d, 0, 0)
        wide = wide[tuple(slice(None, None, 2) for _ in shape)]
        return wide
    if layout == "expanded" and shape and count:
        d = rng.randrange(len(shape))
        return x.narrow(d, 0, 1).expand(shape)
    return x


def broadcast_pair():
    """Two shapes that broadcast together."""
    full = extents()
    def part(shape):
        shape = [1 if rng.random() < 0.25 else e for e in shape]
        return shape[rng.randint(0, len(shape)):] if rng.random() < 0.3 else shape
    return (full, part(full)) if rng.random() < 0.5 else (part(full), full)


def dim_of(x):
    rank = max(x.dim(), 1)
    return rng.randint(-rank, rank - 1)


def some_dims(x, none=True):
    if none and rng.random() < 0.25:
        return []
    dims = rng.sample(range(x.dim()), rng.randint(1, x.dim())) if x.dim() else [0]
    return [d - max(x.dim(), 1) if rng.random() < 0.3 else d for d in dims]


def scalar():
    return rng.choice([rng.randint(-3, 5), round(rng.uniform(-3, 3), 2), True, 2, 0.5])


# ---- The text of a case

def value_text(v, dtype):
    if not dtype.is_floating_point:
        return str(int(v))
    return "nan" if math.isnan(v) else "inf" if v == math.inf else "-inf" if v == -math.inf else float(v).hex()


def flat_text(x):
    return [value_text(v, x.dtype) for v in x.reshape(-1).tolist()]


def array_text(x):
    storage_size = x.storage_offset() + 1 + sum((e - 1) * s for e, s in zip(x.shape, x.stride())) if x.numel() else 0
    values = x.as_strided([storage_size], [1], 0) if storage_size else x.new_empty([0])
    offset = x.storage_offset() if x.numel() else 0
    words = ["T", NAMES[x.dtype], x.dim(), *x.shape, *x.stride(), offset, storage_size, *flat_text(values)]
    return " ".join(map(str, words))


class Word(str):
    """A word of text."""


def argument_text(a):
    if a is None:
        return "N"
    if isinstance(a, torch.Tensor):
        return array_text(a)
    if isinstance(a, bool):
        return "B %d" % a
    if isinstance(a, int):
        return "I %d" % a
    if isinstance(a, float):
        return "F " + value_text(a, torch.float64)
    if isinstance(a, torch.dtype):
        return "D " + NAMES[a]
    if isinstance(a, str):
        return "S " + a
    if a and isinstance(a[0], torch.Tensor):
        return " ".join(["A", str(len(a))] + [array_text(x) for x in a])
    return " ".join(map(str, ["L", len(a), *a]))


def result_text(results):
    words = [str(len(results))]
    for x in results:
        words += [NAMES[x.dtype], x.dim(), *x.shape, *flat_text(x)]
    return " ".join(map(str, words))


# ---- Operations: each maker returns the arguments and what computes the result from them

Op = collections.namedtuple("Op", "make tolerance widen")
OPS = {}


def op(name, tolerance=1e-6, widen=False):
    """Tolerance of float32, relative and absolute; float64, float16 and bfloat16 follow from it. Where PyTorch loses
    more than that in half precision, by rounding on the way, `widen` has it compute in float32."""
    def register(make):
        OPS[name] = Op(make, tolerance, widen)
        return make
    return register


def elementwise(names, dtypes, domain="any", tolerance=1e-6):
    for name in names.split():
        def make(name=name):
            x = array(rng.choice(dtypes), extents(), domain)
            return [x], getattr(torch, name)
        op(name, tolerance)(make)


elementwise("logical_not isnan isinf isfinite sign square exp expm1 log log1p log2 sqrt rsqrt reciprocal sin cos atan "
            "sinh cosh tanh sigmoid erf erfc", ALL)
elementwise("tan", ALL, "unit")
elementwise("asin acos", ALL, "unit")
elementwise("neg abs relu floor ceil round trunc", NUMBERS)
elementwise("frac", FLOATS)
elementwise("bitwise_not", ["bool"] + INTEGERS)


def two(names, dtypes, first="any", second="any", scalars="both", tolerance=1e-6, widen=False):
    for name in names.split():
        def make(name=name):
            f = getattr(torch, name)
            a_shape, b_shape = broadcast_pair()
            a, b = array(rng.choice(dtypes), a_shape, first), array(rng.choice(dtypes), b_shape, second)
            choice = rng.random()
            if scalars and choice < 0.2:
                b = scalar()
                if second == "positive":
                    b = abs(b) + 1 if not isinstance(b, bool) else 2
                if "bitwise" in name:
                    b = rng.randint(0, 5)
            elif scalars == "both" and choice < 0.3:
                a = scalar() if "bitwise" not in name else rng.randint(0, 5)
                if first == "positive":
                    a = abs(a) + 1 if not isinstance(a, bool) else 2
            return [a, b], f
        op(name, tolerance, widen)(make)


two("add mul sub div", ALL)
two("pow", NUMBERS, "positive", "positive", tolerance=2e-6)
two("fmod", NUMBERS, "any", "positive", "right", tolerance=1e-5, widen=True)
two("remainder", NUMBERS, "any", "positive", tolerance=1e-5, widen=True)
two("eq ne lt le gt ge", ALL, "small", "small", "right")
two("logical_and logical_or logical_xor maximum minimum atan2", ALL, "any", "any", None)
two("bitwise_and bitwise_or bitwise_xor", ["bool"] + INTEGERS, scalars="right")


@op("clamp")
def _():
    x = array(rng.choice(NUMBERS), extents())
    if rng.random() < 0.5:
        low, high = sorted([scalar(), scalar()], key=float)
        return [x, low, high], torch.clamp
    return [x, array(x.dtype, list(x.shape), "real"), array(x.dtype, list(x.shape), "real")], torch.clamp


@op("clamp_min")
def _():
    return [array(rng.choice(NUMBERS), extents()), scalar()], lambda x, low: torch.clamp(x, min=low)


@op("clamp_max")
def _():
    return [array(rng.choice(NUMBERS), extents()), scalar()], lambda x, high: torch.clamp(x, max=high)


@op("lerp", 1e-5, widen=True)
def _():
    dtype = rng.choice(FLOATS)
    a, b = broadcast_pair()
    x, y = array(dtype, a, "real"), array(dtype, b, "real")
    if rng.random() < 0.5:
        return [x, y, rng.choice([0.25, 0.0, 1.0, 0.75])], torch.lerp
    return [x, y, array(dtype, rng.choice([a, b]), "unit")], torch.lerp


@op("addcmul", 1e-5, widen=True)
def _():
    a, b = broadcast_pair()
    dtype = rng.choice(NUMBERS)
    value = rng.randint(-2, 3) if not DTYPES[dtype].is_floating_point else rng.choice([1, 0.5, -2])
    return ([array(dtype, b, "real"), array(dtype, a, "real"), array(dtype, b, "real"), value],
            lambda x, y, z, v: torch.addcmul(x, y, z, value=v))


@op("addcdiv", 1e-5, widen=True)
def _():
    a, b = broadcast_pair()
    dtype = rng.choice(FLOATS)
    return ([array(dtype, b, "real"), array(dtype, a, "real"), array(dtype, b, "positive"), rng.choice([1, 0.5, -2])],
            lambda x, y, z, v: torch.addcdiv(x, y, z, value=v))


@op("where")
def _():
    a, b = broadcast_pair()
    return [array("bool", a), array(rng.choice(ALL), b), array(rng.choice(ALL), a)], torch.where


def in_place(names, dtypes, second="real"):
    for name in names.split():
        def make(name=name):
            shape = extents()
            x = array(rng.choice(dtypes), shape, "real")
            while any(s == 0 and e > 1 for s, e in zip(x.stride(), x.shape)):
                x = array(x.dtype, shape, "real")
            other = shape[rng.randint(0, len(shape)):]
            y = array(x.dtype if name == "add_" else rng.choice(dtypes), other, second)
            return [x, y], lambda x, y: getattr(x, name)(y)
        op(name, 1e-5)(make)


in_place("add_ sub_ mul_ copy_", NUMBERS)
in_place("div_", NUMBERS, "positive")


@op("exp_")
def _():
    x = numbers(12, DTYPES[rng.choice(NUMBERS)], "real").reshape(3, 4)
    return [rng.choice([x, x.t()])], lambda x: x.exp_()


@op("neg_")
def _():
    x = numbers(12, DTYPES[rng.choice(NUMBERS)], "any").reshape(3, 4)
    return [rng.choice([x, x.t()])], lambda x: x.neg_()


@op("clamp_")
def _():
    x = numbers(12, DTYPES[rng.choice(NUMBERS)], "any").reshape(3, 4)
    return [rng.choice([x, x.t()]), rng.randint(-2, 0), rng.randint(1, 4)], lambda x, a, b: x.clamp_(a, b)


@op("fill_")
def _():
    x = numbers(12, DTYPES[rng.choice(ALL)], "any").reshape(3, 4)
    return [rng.choice([x, x.t()]), rng.choice([1, 2, True])], lambda x, v: x.fill_(v)


# ---- Reductions

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


# ---- Products

def product(name, shapes, dtypes=("float32", "float64", "int64", "int32"), tolerance=1e-4, f=None, extra=lambda: []):
    def make():
        dtype = rng.choice(dtypes)
        return [array(dtype, s, "real") for s in shapes()] + extra(), f or getattr(torch, name)
    op(name, tolerance)(make)


def size(largest=6):
    return rng.choice([0, 1, 2, 3, 4, 5, largest, 17 if large_extents else 7]) if rng.random() < 0.5 else rng.randint(1, largest)


def matmul_shapes():
    k = size()
    batch = extents(rank=rng.randint(0, 2), largest=3)
    a, b = [batch + [size(), k], [k], batch[-1:] + [size(), k]], [batch + [k, size()], [k], [k, size()]]
    return rng.choice(a), rng.choice(b)


product("matmul", matmul_shapes)
product("bmm", lambda: (lambda b, m, k, n: ([b, m, k], [b, k, n]))(size(), size(), size(), size()))
product("mm", lambda: (lambda m, k, n: ([m, k], [k, n]))(size(), size(), size()))
product("mv", lambda: (lambda m, k: ([m, k], [k]))(size(), size()))
product("dot", lambda: (lambda k: ([k], [k]))(size()))
product("outer", lambda: ([size()], [size()]))
product("addmm", lambda: (lambda m, k, n: (rng.choice([[n], [m, n], [1, n], [m, 1]]), [m, k], [k, n]))(size(), size(), size()),
        WIDE, f=lambda c, a, b, beta, alpha: torch.addmm(c, a, b, beta=beta, alpha=alpha),
        extra=lambda: [rng.choice([1, 0.5, 2]), rng.choice([1, 0.5, -1])])
product("linear", lambda: (lambda i, o: (extents(rank=rng.randint(0, 2), largest=3) + [i], [o, i], [o]))(size(), size()),
        WIDE, f=torch.nn.functional.linear)


@op("einsum", 1e-4)
def _():
    sizes = {c: rng.randint(1, 4) for c in "abcdefg"}
    equation = rng.choice([
        "ab,bc->ac", "ab,bc", "a,b->ab", "aa->a", "aa", "aab->b", "abc->cab", "ab->", "abc,cd,de->abe", "ab,ab->", "ab,ab",
        "bac,bcd->bad", "ba", "...ab,...bc->...ac", "...a->...", "a...,a->...", "ab,cb,c->a", "abcd,efcd->abef", "a,a,a->a",
        "aab,bcc->ac", "a...b->b...a", "...,...->...",
    ])
    batch = [rng.randint(1, 3) for _ in range(rng.randint(0, 2))]
    operands = []
    for term in equation.split("->")[0].split(","):
        shape = []
        for c in term.replace("...", "."):
            shape += [e if rng.random() < 0.8 else 1 for e in batch] if c == "." else [sizes[c]]
        operands.append(array("float64" if rng.random() < 0.5 else "float32", shape, "real"))
    dtype = operands[0].dtype
    return [equation, [x.to(dtype) for x in operands]], lambda e, xs: torch.einsum(e, *xs)


@op("trace", 1e-5)
def _():
    return [array(rng.choice(["float32", "float64", "int64", "int32"]), extents(rank=2, low=0), "real")], torch.trace


for _name in ("tril", "triu"):
    def _make(name=_name):
        return [array(rng.choice(ALL), extents(rank=rng.randint(2, 3))), rng.randint(-3, 3)], getattr(torch, name)
    op(_name)(_make)


def square_matrix(n=None, definite=False):
    n = n or rng.randint(1, 5)
    x = torch.randn(*extents(rank=rng.randint(0, 2), largest=2, low=0)[:2], n, n,
                    generator=torch.Generator().manual_seed(rng.randrange(1 << 30)), dtype=torch.float64)
    x = x @ x.transpose(-1, -2) + 0.5 * torch.eye(n, dtype=torch.float64) if definite else x + 3 * torch.eye(n, dtype=torch.float64)
    return x.to(DTYPES[rng.choice(WIDE)])


op("cholesky", 1e-3)(lambda: ([square_matrix(definite=True)], torch.linalg.cholesky))
op("inverse", 1e-2)(lambda: ([square_matrix()], torch.linalg.inv))
op("det", 1e-3)(lambda: ([square_matrix()], torch.linalg.det))
op("qr_product", 1e-4)(lambda: ([square_matrix()], lambda x: [x.clone(), torch.eye(x.shape[-1], dtype=x.dtype).expand(x.shape)]))
op("svd_values", 1e-4)(lambda: ([square_matrix()], lambda x: [torch.linalg.svdvals(x), x.clone()]))


@op("solve", 1e-2)
def _():
    a = square_matrix()
    b = array(a.dtype, list(a.shape[:-1]) + [rng.randint(1, 3)], "real")
    return [a, b], torch.linalg.solve


# ---- Movement

def shuffled_dims(x):
    return rng.sample(range(x.dim()), x.dim())


def factors(n):
    if n == 0:
        return rng.choice([[0], [0, 3], [2, 0]])
    shape = []
    while n > 1:
        d = rng.choice([d for d in range(1, n + 1) if n % d == 0])
        shape.append(d)
        n //= d
    shape = shape or rng.choice([[], [1], [1, 1]])
    if shape and rng.random() < 0.4:
        shape[rng.randrange(len(shape))] = -1
    return shape[:8]


@op("reshape")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, factors(x.numel())], torch.reshape


@op("view")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, factors(x.numel())], lambda x, s: x.view(s)


@op("flatten")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, dim_of(x), dim_of(x)], torch.flatten


@op("unflatten")
def _():
    sizes = rng.choice([[2, 3], [3, -1], [-1, 2], [6, 1], [2, 2]])
    shape = extents(rank=rng.randint(1, 3))
    d = rng.randrange(len(shape))
    shape[d] = 6
    return [array(rng.choice(ALL), shape), d, sizes], lambda x, d, s: x.unflatten(d, s)


op("permute")(lambda: (lambda x: ([x, shuffled_dims(x)], lambda x, d: x.permute(d)))(array(rng.choice(ALL), extents())))
op("transpose")(lambda: (lambda x: ([x, dim_of(x), dim_of(x)], torch.transpose))(array(rng.choice(ALL), extents())))
op("t")(lambda: ([array(rng.choice(ALL), extents())], torch.t))


@op("movedim")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 4)))
    k = rng.randint(1, x.dim())
    return [x, rng.sample(range(x.dim()), k), rng.sample(range(x.dim()), k)], torch.movedim


def expanding(name):
    def make():
        full, part = broadcast_pair()
        if len(part) > len(full) or any(p not in (1, f) for p, f in zip(part[::-1], full[::-1])):
            full, part = part, full
        return [array(rng.choice(ALL), part), full], lambda x, s: x.expand(s)
    op(name)(make)


expanding("expand")
expanding("broadcast_to")


@op("squeeze")
def _():
    x = array(rng.choice(ALL), [1 if rng.random() < 0.4 else e for e in extents()])
    return ([x], torch.squeeze) if rng.random() < 0.5 else ([x, dim_of(x)], torch.squeeze)


@op("unsqueeze")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, rng.randint(-x.dim() - 1, x.dim())], torch.unsqueeze


@op("narrow")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 4)))
    d = dim_of(x)
    start = rng.randint(0, x.shape[d])
    return [x, d, start, rng.randint(0, x.shape[d] - start)], torch.narrow


@op("select")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 4)))
    d = dim_of(x)
    return [x, d, rng.randint(-x.shape[d], x.shape[d])], torch.select


@op("slice")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 4)))
    d = rng.randrange(x.dim())
    args = [x, d, rng.randint(-7, 7), rng.randint(-7, 9), rng.randint(1, 3)]
    return args, lambda x, d, a, b, s: x[(slice(None),) * d + (slice(a, b, s),)]


@op("diagonal")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(2, 4)))
    a, b = rng.sample(range(x.dim()), 2)
    return [x, rng.randint(-3, 3), a, b], torch.diagonal


@op("as_strided")
def _():
    x = numbers(24, DTYPES[rng.choice(ALL)], "any")
    return [x, *rng.choice([([2, 3], [3, 1], 0), ([3, 2], [1, 2], 4), ([4], [0], 5), ([2, 2, 2], [8, 3, 1], 1), ([], [], 23)])], torch.as_strided


op("contiguous")(lambda: ([array(rng.choice(ALL), extents())], lambda x: x.contiguous()))
op("clone")(lambda: ([array(rng.choice(ALL), extents())], torch.clone))
op("to")(lambda: ([array(rng.choice(ALL), extents(), "real"), DTYPES[rng.choice(ALL)]], lambda x, d: x.to(d)))


@op("sum_to", 3e-5)
def _():
    full, part = broadcast_pair()
    if len(part) > len(full) or any(p not in (1, f) for p, f in zip(part[::-1], full[::-1])):
        full, part = part, full
    return [array(rng.choice(["float32", "float64"]), full, "real"), part], lambda x, s: x.sum_to_size(s)


op("flip")(lambda: (lambda x: ([x, rng.sample(range(x.dim()), rng.randint(0, x.dim()))], torch.flip))(array(rng.choice(ALL), extents())))


@op("roll")
def _():
    x = array(rng.choice(ALL), extents())
    if rng.random() < 0.3:
        return [x, [rng.randint(-9, 9)], []], lambda x, s, d: torch.roll(x, s)
    dims = rng.sample(range(x.dim()), rng.randint(1, x.dim())) if x.dim() else []
    return [x, [rng.randint(-9, 9) for _ in dims] or [0], dims], lambda x, s, d: torch.roll(x, s, d) if d else torch.roll(x, s)


@op("repeat")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(0, 3), largest=3))
    return [x, [rng.randint(0, 3) for _ in range(x.dim() + rng.randint(0, 1))]], lambda x, r: x.repeat(r)


@op("tile")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(0, 3), largest=3))
    return [x, [rng.randint(0, 3) for _ in range(rng.randint(1, x.dim() + 1))]], torch.tile


@op("chunk")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3)))
    return [x, rng.randint(1, 5), dim_of(x)], torch.chunk


@op("split")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = dim_of(x)
    if rng.random() < 0.5:
        return [x, rng.randint(1, 4), d], torch.split
    first = rng.randint(0, x.shape[d])
    return [x, [first, x.shape[d] - first], d], torch.split


op("unbind")(lambda: (lambda x: ([x, dim_of(x)], torch.unbind))(array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))))


@op("cat")
def _():
    shape = extents(rank=rng.randint(1, 3))
    d = rng.randrange(len(shape))
    def one():
        return array(rng.choice(ALL) if rng.random() < 0.3 else "float32", shape[:d] + [rng.randint(0, 4)] + shape[d + 1:])
    return [[one() for _ in range(rng.randint(1, 4))], d], lambda xs, d: torch.cat(xs, d)


@op("stack")
def _():
    shape = extents(rank=rng.randint(0, 3))
    dtype = rng.choice(ALL)
    return [[array(dtype, shape) for _ in range(rng.randint(1, 3))], rng.randint(-len(shape) - 1, len(shape))], lambda xs, d: torch.stack(xs, d)


@op("pad")
def _():
    mode = rng.choice(["constant", "reflect", "replicate"])
    if mode == "constant":
        x = array(rng.choice(["float32", "float64", "int64"]), extents(rank=rng.randint(1, 4)))
        # A result without elements is refused by PyTorch, and given here.
        padding = [rng.randint(-1 if e > 2 else 1 - min(e, 1), 3) for e in list(x.shape)[::-1][:rng.randint(1, x.dim())] for _ in range(2)]
        return [x, padding, mode, rng.choice([0, 1, 2])], lambda x, p, m, v: torch.nn.functional.pad(x, p, m, v)
    pairs = rng.randint(1, 3)
    x = array(rng.choice(WIDE), [rng.randint(1, 2) for _ in range(2)] + [rng.randint(2, 5) for _ in range(pairs)])
    padding = [rng.randint(0, 2) for _ in range(2 * pairs)]
    return [x, padding, mode, 0], lambda x, p, m, v: torch.nn.functional.pad(x, p, m)


def window():
    return ([rng.randint(1, 3), rng.randint(1, 3)], [rng.randint(1, 2), rng.randint(1, 2)],
            [rng.randint(0, 2), rng.randint(0, 2)], [rng.randint(1, 3), rng.randint(1, 2)])


@op("unfold")
def _():
    k, d, p, s = window()
    x = array(rng.choice(WIDE), [rng.randint(1, 2), rng.randint(1, 2), rng.randint(3, 6), rng.randint(3, 6)], "small")
    return [x, k, d, p, s], torch.nn.functional.unfold


@op("fold", 1e-5)
def _():
    k, d, p, s = window()
    size = [5, rng.randint(5, 6)]
    x = torch.nn.functional.unfold(numbers(size[0] * size[1], torch.float32, "small").reshape(1, 1, *size), k, d, p, s)
    return [x, size, k, d, p, s], torch.nn.functional.fold


@op("dilate")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3)))
    dims, n = sorted(rng.sample(range(x.dim()), rng.randint(1, x.dim()))), rng.randint(0, 2)
    def f(x, dims, n):
        shape = [e * (n + 1) if d in dims else e for d, e in enumerate(x.shape)]
        y = torch.zeros(shape, dtype=x.dtype)
        y[tuple(slice(None, None, n + 1) if d in dims else slice(None) for d in range(x.dim()))] = x
        return y
    return [x, dims, n], f


# ---- Indexing

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


@op("gather")
def _():
    x = array(rng.choice(ALL), extents(rank=rng.randint(1, 3), low=0))
    d = rng.randrange(x.dim())
    return [x, d, index_array(index_inside(x, d), x.shape[d])], torch.gather


@op("scatter_add", 1e-5)
def _():
    x = array(rng.choice(["float32", "float64", "int64", "int32"]), extents(rank=rng.randint(1, 3), low=0), "real")
    d = rng.randrange(x.dim())
    shape = index_inside(x, d)
    return [x, d, index_array(shape, x.shape[d]), array(x.dtype, [e + rng.randint(0, 1) for e in shape], "real")], torch.scatter_add


@op("scatter")
def _():
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
            if has_ellipsis:
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


# ---- Running

def widened(args):
    return [a.float() if isinstance(a, torch.Tensor) and a.dtype in HALVES else a for a in args]


def ask_torch(args, f, widen):
    """The results, or None for an error. What PyTorch does not have for half precision on the CPU goes by float32,
    and is rounded at the end, as Lamina does."""
    half = next((a.dtype for a in args if isinstance(a, torch.Tensor) and a.dtype in HALVES), None)
    def call(arguments):
        results = f(*arguments)
        return list(results) if isinstance(results, (tuple, list)) else [results]
    try:
        results = call(args)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if half is None or "not implemented for" not in str(error):
            return None
        try:
            return [r.to(half) if r.dtype == torch.float32 else r for r in call(widened(args))]
        except (RuntimeError, IndexError, ValueError, TypeError):
            return None
    if half is not None and widen:
        results = [wide.to(r.dtype) for wide, r in zip(call(widened(args)), results)]
    return results


def make_case(name):
    """One line of text, as replay.h describes it."""
    make, tolerance, widen = OPS[name]
    args, f = make()
    text = " ".join(argument_text(a) for a in args)  # before an operation in place writes to them
    results = ask_torch(args, f, widen)
    if results is None:
        return "%s|%s|0 0|error" % (name, text)
    dtypes = {a.dtype for a in args if isinstance(a, torch.Tensor)} | {r.dtype for r in results}
    if torch.bfloat16 in dtypes:
        relative, absolute = 2.0**-6, 2.0**-6
    elif torch.float16 in dtypes:
        relative, absolute = 2.0**-9, 2.0**-9
    elif torch.float32 in dtypes:
        relative = absolute = tolerance
    else:
        relative = absolute = tolerance * 1e-7
    return "%s|%s|%g %g|%s" % (name, text, relative, absolute, result_text(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ops", default="", help="only operations whose name has this in it")
    parser.add_argument("--write", default="", help="write the cases to this file instead of replaying them")
    options = parser.parse_args()
    global large_extents
    large_extents = not options.write
    rng.seed(options.seed)
    replay = os.path.join(os.environ.get("RUNFILES_DIR", os.path.dirname(os.path.abspath(__file__)) + "/../.."), "tests/differential/replay_main")
    if not os.path.exists(replay):
        replay = "tests/differential/replay_main"
    known = subprocess.run([replay, "--operations"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout.split()
    missing = sorted(set(known) ^ set(OPS))
    if missing:
        sys.exit("against_torch: known to one side only: " + " ".join(missing))
    names = [n for n in OPS if options.ops in n]
    cases, errors = [], 0
    while len(cases) < options.cases:
        for name in names:
            case = make_case(name)
            is_error = case.endswith("|error")
            # A few wrong calls are wanted, many are not.
            if is_error and rng.random() < 0.7 or options.write and len(case) > 1500:
                continue
            errors += is_error
            cases.append(case)
    cases = cases[:options.cases]
    if options.write:
        path = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), options.write)
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(cases) + "\n")
        print("wrote %d cases to %s" % (len(cases), path))
        return
    done = subprocess.run([replay], input="\n".join(cases) + "\n", stdout=subprocess.PIPE, check=True, universal_newlines=True)
    lines = done.stdout.splitlines()
    assert lines and lines[-1] == "cases\t%d" % len(cases), "the replay ended early"
    by_op = collections.Counter()
    for line in lines[:-1]:
        number, what = line.split("\t", 1)
        case = cases[int(number)]
        by_op[case.split("|", 1)[0]] += 1
        if by_op[case.split("|", 1)[0]] <= 3:
            print("%s\n    %s" % (case if len(case) < 2000 else case[:2000] + " ...", what))
    print("%d cases of %d operations, %d of them calls that PyTorch refuses; %d disagreements %s"
          % (len(cases), len(names), errors, len(lines) - 1, dict(by_op) if by_op else ""))
    sys.exit(1 if by_op else 0)


if __name__ == "__main__":
    main()
