"""Makers of convolutions, pooling and resampling."""

import torch
import torch.nn.functional as F

from graph import require, rng
from graph_makers import bring, distinct, maker


def pair(low, high):
    return [rng.randint(low, high), rng.randint(low, high)]


def convolution(transposed=False):
    """Groups, the shapes of an image and of weights, stride, padding, dilation."""
    groups, c, o = rng.choice([(1, 1, 2), (1, 2, 1), (2, 1, 1)])
    k, s, p, d = pair(1, 2), pair(1, 2), pair(0, 1), pair(1, 2)
    w = [groups * c, o] + k if transposed else [groups * o, c] + k
    return groups, [rng.randint(1, 2), groups * c] + pair(3, 4), w, s, p, d


def bias_or_none(g, channels, dtype):
    return g.shaped([channels], dtype) if rng.random() < 0.6 else None


@maker("conv2d")
def _(g):
    groups, x, w, s, p, d = convolution()
    x = g.shaped(x)
    g.do("conv2d", F.conv2d, x, g.shaped(w, x.dtype), bias_or_none(g, w[0], x.dtype), s, p, d, groups)


@maker("conv1d")
def _(g):
    groups, x, w, s, p, d = convolution()
    x = g.shaped(x[:3])
    g.do("conv1d", F.conv1d, x, g.shaped(w[:3], x.dtype), bias_or_none(g, w[0], x.dtype), s[:1], p[:1], d[:1], groups)


@maker("conv_transpose2d")
def _(g):
    groups, x, w, s, p, d = convolution(transposed=True)
    x = g.shaped(x)
    more = [rng.randint(0, max(a, b) - 1) for a, b in zip(s, d)]
    bias = bias_or_none(g, groups * w[1], x.dtype)
    g.do("conv_transpose2d", F.conv_transpose2d, x, g.shaped(w, x.dtype), bias, s, p, more, groups, d)


def outputs(x, w, s, p, d):
    return [(e + 2 * q - r * (k - 1) - 1) // t + 1 for e, k, t, q, r in zip(x[2:], w[2:], s, p, d)]


@maker("conv2d_input_gradient")
def _(g):
    groups, x, w, s, p, d = convolution()
    dy = g.shaped([x[0], w[0]] + outputs(x, w, s, p, d))
    f = lambda dy, w, size, s, p, d, groups: torch.nn.grad.conv2d_input(x, w, dy, s, p, d, groups)
    g.do("conv2d_input_gradient", f, dy, g.shaped(w, dy.dtype), x[2:], s, p, d, groups)


@maker("conv2d_weight_gradient")
def _(g):
    groups, x, w, s, p, d = convolution()
    dy = g.shaped([x[0], w[0]] + outputs(x, w, s, p, d))
    f = lambda dy, x, kernel, s, p, d, groups: torch.nn.grad.conv2d_weight(x, w, dy, s, p, d, groups)
    g.do("conv2d_weight_gradient", f, dy, g.shaped(x, dy.dtype), w[2:], s, p, d, groups)


def spread_images(g):
    """No two pixels of a plane are near each other."""
    x = g.shaped([rng.randint(1, 2), 1] + pair(3, 4))
    return bring(g, x, distinct, lambda g, v: g.do("add", torch.add, v, torch.tensor(
        [0.37 * i for i in rng.sample(range(v.array.numel()), v.array.numel())], dtype=v.dtype).reshape(v.shape)))


@maker("max_pool2d", "max_pool2d_with_indices")
def _(g, name):
    x = spread_images(g)
    f = (lambda x, k, s, p, d, ceil: F.max_pool2d(x, k, s or None, p, d, ceil)) if name == "max_pool2d" else (
        lambda x, k, s, p, d, ceil: F.max_pool2d(x, k, s or None, p, d, ceil, True))
    g.do(name, f, x, [2, rng.randint(1, 3)], rng.choice([[], pair(1, 2)]), [rng.randint(0, 1), 0], [1, 1], rng.random() < 0.4)


@maker("max_pool1d", "max_pool1d_with_indices")
def _(g, name):
    x = g.do("flatten", torch.flatten, spread_images(g), 2, 3)
    f = (lambda x, k, s, p, d, ceil: F.max_pool1d(x, k, s or None, p, d, ceil)) if name == "max_pool1d" else (
        lambda x, k, s, p, d, ceil: F.max_pool1d(x, k, s or None, p, d, ceil, True))
    g.do(name, f, x, [rng.randint(2, 3)], rng.choice([[], [1], [2]]), [rng.randint(0, 1)], [rng.randint(1, 2)], rng.random() < 0.4)


@maker("avg_pool2d")
def _(g):
    f = lambda x, k, s, p, ceil, count: F.avg_pool2d(x, k, s or None, p, ceil, count)
    x = g.shaped([rng.randint(1, 2), 1] + pair(3, 4))
    g.do("avg_pool2d", f, x, [2, rng.randint(1, 3)], rng.choice([[], pair(1, 2)]), [rng.randint(0, 1), 0],
         rng.random() < 0.4, rng.random() < 0.5)


@maker("avg_pool1d")
def _(g):
    f = lambda x, k, s, p, ceil, count: F.avg_pool1d(x, k, s or None, p, ceil, count)
    x = g.shaped([rng.randint(1, 2), 1, rng.randint(3, 5)])
    g.do("avg_pool1d", f, x, [rng.randint(2, 3)], rng.choice([[], [1], [2]]), [rng.randint(0, 1)], rng.random() < 0.4,
         rng.random() < 0.5)


@maker("adaptive_avg_pool2d")
def _(g):
    g.do("adaptive_avg_pool2d", F.adaptive_avg_pool2d, g.shaped([rng.randint(1, 2), 1] + pair(2, 5)), pair(1, 3))


@maker("interpolate")
def _(g):
    x = g.shaped([rng.randint(1, 2), 1] + pair(1, 4))
    mode = rng.choice(["nearest", "bilinear"])
    align = mode == "bilinear" and rng.random() < 0.5
    def f(x, size, factor, mode, align):
        return F.interpolate(x, size or None, factor, mode, align if mode == "bilinear" else None)
    if rng.random() < 0.5:
        g.do("interpolate", f, x, pair(1, 4), None, mode, align)
    else:
        factor = rng.choice([0.5, 1.5, 2.0])
        require(factor >= 1 or min(x.shape[2:]) > 1)
        g.do("interpolate", f, x, [], factor, mode, align)


@maker("pixel_shuffle")
def _(g):
    g.do("pixel_shuffle", F.pixel_shuffle, g.shaped([rng.randint(1, 2), 4] + pair(1, 2)), 2)
