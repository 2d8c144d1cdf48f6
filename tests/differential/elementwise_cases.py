"""Random calls of elementwise operations."""

import torch

from cases import *  # the vocabulary of all makers


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
