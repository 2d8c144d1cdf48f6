"""Random calls of views and of what moves elements."""

import math

import torch

from cases import *  # the vocabulary of all makers


def shuffled_dims(x):
    return rng.sample(range(x.dim()), x.dim())


@op("reshape")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, factors(x.numel(), 8)], torch.reshape


@op("view")
def _():
    x = array(rng.choice(ALL), extents())
    return [x, factors(x.numel(), 8)], lambda x, s: x.view(s)


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
    mode = rng.choice(["constant", "reflect", "replicate", "circular"])
    if mode == "constant":
        x = array(rng.choice(["float32", "float64", "int64"]), extents(rank=rng.randint(1, 4)))
        padding = [rng.randint(-1 if e > 2 else -e, 3) for e in list(x.shape)[::-1][:rng.randint(1, x.dim())] for _ in range(2)]
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
