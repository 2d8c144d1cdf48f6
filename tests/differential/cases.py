"""What the makers of random cases share: random arrays, the text of a case, and the table of operations."""

import collections
import math

import torch

import operands
from operands import DTYPES, factors, plain_text, rng

ALL = list(DTYPES)
FLOATS = ["float16", "bfloat16", "float32", "float64"]
WIDE = ["float32", "float64"]
INTEGERS = ["uint8", "int32", "int64"]
NUMBERS = INTEGERS + FLOATS
HALVES = (torch.float16, torch.bfloat16)

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


def size(largest=6):
    return rng.choice([0, 1, 2, 3, 4, 5, largest, 17 if large_extents else 7]) if rng.random() < 0.5 else rng.randint(1, largest)


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
    return operands.array_text(x, flat_text)


class Word(str):
    """A word of text."""


def argument_text(a):
    if isinstance(a, torch.Tensor):
        return array_text(a)
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], torch.Tensor):
        return " ".join(["A", str(len(a))] + [array_text(x) for x in a])
    return plain_text(a, lambda v: value_text(v, torch.float64))


def result_text(results):
    return " ".join([str(len(results))] + [operands.result_text(x, flat_text) for x in results])


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
