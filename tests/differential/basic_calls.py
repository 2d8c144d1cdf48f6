"""Random calls of the simple layers."""

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from layer_calls import Call, choices, extents, maker, normal, rng, some, uniform


def simple(name, make):
    """`make` returns settings by PyTorch's names and the operands."""
    def call():
        settings, operands = make()
        return Call(getattr(nn, name)(**settings), settings, operands)
    maker(name)(call)


def one_or_two(low, high):
    """One number, or two as a tuple, as PyTorch prints it."""
    return rng.choice([rng.randint(low, high), (rng.randint(low, high), rng.randint(low, high))])


def image():
    return [*rng.choice([[], [rng.randint(1, 2)]]), rng.randint(1, 3), rng.randint(3, 5), rng.randint(3, 5)]


def flatten():
    shape = extents(1, 4)
    start = rng.randrange(len(shape))
    end = rng.randrange(start, len(shape))
    if len(shape) > 1 and rng.random() < 0.4:
        return {}, [normal(*shape)]
    return {"start_dim": start, "end_dim": rng.choice([end, end - len(shape)])}, [normal(*shape)]


def unflatten():
    shape, sizes = extents(1, 3), extents(1, 3)
    dim = rng.randrange(len(shape))
    shape[dim] = 1
    for size in sizes:
        shape[dim] *= size
    if rng.random() < 0.3:
        sizes[rng.randrange(len(sizes))] = -1
    return {"dim": rng.choice([dim, dim - len(shape)]), "unflattened_size": tuple(sizes)}, [normal(*shape)]


def pixel_shuffle():
    r = rng.randint(1, 3)
    shape = extents(0, 2) + [rng.randint(1, 2) * r * r, rng.randint(1, 3), rng.randint(1, 3)]
    return {"upscale_factor": r}, [normal(*shape)]


def padding(low):
    return rng.choice([rng.randint(0, 2), tuple(rng.randint(low, 2) for _ in range(4))])


simple("Identity", lambda: ({}, [normal(*extents(0, 3))]))
simple("Flatten", flatten)
simple("Unflatten", unflatten)
simple("PixelShuffle", pixel_shuffle)
simple("ZeroPad2d", lambda: ({"padding": padding(-1)}, [normal(*image())]))
simple("ReflectionPad2d", lambda: ({"padding": padding(0)}, [normal(*image())]))


@maker("F.pixel_shuffle")
def _():
    settings, operands = pixel_shuffle()
    return Call(lambda x: F.pixel_shuffle(x, **settings), settings, operands)


def windows():
    return dict(some(dilation=one_or_two(1, 2), padding=one_or_two(0, 2), stride=one_or_two(1, 2)),
                kernel_size=one_or_two(1, 2))


# PyTorch 1.13's unfold and fold take batches only where the backward pass is asked for.
simple("Unfold", lambda: (windows(), [normal(*([rng.randint(1, 2)] + image()[-3:]))]))


@maker("Fold")
def _():
    while True:
        settings = dict(windows(), output_size=one_or_two(3, 5))
        size = settings["output_size"]
        height, width = size if isinstance(size, tuple) else (size, size)
        try:
            columns = nn.Unfold(**{k: v for k, v in settings.items() if k != "output_size"})(
                torch.zeros(2, rng.randint(1, 2), height, width))
        except RuntimeError:  # no window fits
            continue
        return Call(nn.Fold(**settings), settings, [normal(*columns.shape)])


# What is random is not compared: p is 0 or 1 in training.
def dropout(shapes):
    def make(name):
        p = rng.choice([0.0, 1.0, 0.5, 0.25])
        return Call(getattr(nn, name)(p), {"p": p}, [normal(*shapes())], rng.random() < 0.5 and p in (0.0, 1.0))
    return make


maker("Dropout")(lambda: dropout(lambda: extents(0, 4))("Dropout"))
maker("Dropout2d")(lambda: dropout(lambda: extents(4, 4))("Dropout2d"))


def table():
    rows, dim = rng.randint(1, 6), rng.randint(1, 4)
    settings = some(padding_idx=rng.randrange(-rows, rows))
    return rows, dim, settings, choices(range(rows), *extents(0, 3), of=torch.int64)


@maker("Embedding")
def _():
    rows, dim, settings, indices = table()
    settings = dict(settings, num_embeddings=rows, embedding_dim=dim, dtype=layer_calls.dtype)
    return Call(nn.Embedding(**settings), settings, [indices])


@maker("F.embedding")
def _():
    rows, dim, settings, indices = table()
    return Call(lambda i, w: F.embedding(i, w, **settings), settings, [indices, normal(rows, dim)])


def features():
    lead = extents(0, 2)
    return lead, rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4)


def biased(settings):
    return dict(settings, **some(bias=rng.random() < 0.5))


@maker("Linear")
def _():
    lead, features_in, _, out = features()
    settings = biased({"in_features": features_in, "out_features": out, "dtype": layer_calls.dtype})
    return Call(nn.Linear(**settings), settings, [normal(*lead, features_in)])


@maker("F.linear")
def _():
    lead, features_in, _, out = features()
    return Call(F.linear, {}, [normal(*lead, features_in), normal(out, features_in)] + rng.choice([[], [normal(out)]]))


class Residual(nn.Module):
    """PyTorch has none: x + fn(x)."""
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return x + self.fn(x)


@maker("Residual")
def _():
    lead, size, _, _ = features()
    settings = biased({"features": size, "dtype": layer_calls.dtype})
    inner = nn.Linear(size, size, settings.get("bias", True))
    return Call(Residual(inner), settings, [normal(*lead, size)])


@maker("Bilinear")
def _():
    lead, in1, in2, out = features()
    settings = biased({"in1_features": in1, "in2_features": in2, "out_features": out, "dtype": layer_calls.dtype})
    return Call(nn.Bilinear(**settings), settings, [normal(*lead, in1), normal(*lead, in2)])


@maker("F.bilinear")
def _():
    lead, in1, in2, out = features()
    operands = [normal(*lead, in1), normal(*lead, in2), normal(out, in1, in2)]
    return Call(F.bilinear, {}, operands + rng.choice([[], [uniform(-1, 1, out)]]))
