"""Random calls of convolutions, pooling and resampling."""

import torch
import torch.nn.functional as F

import cases
from cases import *  # the vocabulary of all makers


def pair(low, high):
    return [rng.randint(low, high), rng.randint(low, high)]


def images(channels, least, dtypes=WIDE, low=0.1):
    """(N, C, H, W) or (C, H, W)."""
    most = least + 1 if not cases.large_extents else 20 if rng.random() < 0.2 else least + 4
    shape = [channels, rng.randint(least, most), rng.randint(least, most)]
    batch = rng.randint(0 if rng.random() < low else 1, 3 if cases.large_extents else 1)
    return array(rng.choice(dtypes), [batch] * (rng.random() < 0.8) + shape, "real")


def convolution():
    """Groups, channels of a group in and out, kernel, stride, padding, dilation."""
    groups = rng.choice([1, 1, 1, 2, 3])
    most = 2 if not cases.large_extents else 20 if rng.random() < 0.2 else 3
    depthwise = rng.random() < 0.15
    parts = (1, 1) if depthwise else (rng.randint(1, most), rng.randint(1, most))
    return (groups, *parts, pair(1, 3), pair(1, 3), pair(0, 2), pair(1, 2))


@op("conv2d", 1e-4)
def _():
    groups, c, o, k, s, p, d = convolution()
    x = images(groups * c, 3, low=0)  # PyTorch refuses no images where there are groups or dilation
    w = array(x.dtype, [groups * o, c + (rng.random() < 0.03)] + k, "real")
    bias = array(x.dtype, [groups * o], "real") if rng.random() < 0.6 else None
    return [x, w, bias, s, p, d, groups], F.conv2d


@op("conv1d", 1e-4)
def _():
    groups, c, o, k, s, p, d = convolution()
    x = array(rng.choice(WIDE), [rng.randint(1, 3)] * (rng.random() < 0.8) + [groups * c, rng.randint(3, 30)], "real")
    w = array(x.dtype, [groups * o, c, k[0]], "real")
    bias = array(x.dtype, [groups * o], "real") if rng.random() < 0.6 else None
    return [x, w, bias, s[:1], p[:1], d[:1], groups], F.conv1d


@op("conv_transpose2d", 1e-4)
def _():
    groups, c, o, k, s, p, d = convolution()
    x = images(groups * c, 3, low=0)
    w = array(x.dtype, [groups * c, o] + k, "real")
    bias = array(x.dtype, [groups * o], "real") if rng.random() < 0.6 else None
    more = [rng.randint(0, max(a, b) - 1) for a, b in zip(s, d)]
    return [x, w, bias, s, p, more, groups, d], F.conv_transpose2d


def convolved(gradient_of):
    """An image and weights that fit, and a gradient of the result; expected is what PyTorch's graph gives."""
    groups, c, o, k, s, p, d = convolution()
    dtype = rng.choice(WIDE)
    x = array(dtype, [rng.randint(1, 3), groups * c] + (pair(5, 9) if cases.large_extents else pair(4, 5)), "real")
    w = array(dtype, [groups * o, c] + k, "real")
    dy = array(dtype, list(F.conv2d(x, w, None, s, p, d, groups).shape), "real")
    def f(*_):
        leaf = (x if gradient_of == "input" else w).clone().requires_grad_()
        y = F.conv2d(leaf, w, None, s, p, d, groups) if gradient_of == "input" else F.conv2d(x, leaf, None, s, p, d, groups)
        return torch.autograd.grad(y, leaf, dy)[0]
    if gradient_of == "input":
        return [dy, w, list(x.shape[2:]), s, p, d, groups], f
    return [dy, x, k, s, p, d, groups], f


op("conv2d_input_gradient", 1e-4)(lambda: convolved("input"))
op("conv2d_weight_gradient", 1e-4)(lambda: convolved("weight"))


def pooling():
    """Kernel, stride or none, padding."""
    k = pair(1, 4)
    return k, pair(1, 3) if rng.random() < 0.7 else [], [rng.randint(0, n // 2) for n in k]


for _name in ("max_pool2d", "max_pool2d_with_indices"):
    def _make(name=_name):
        k, s, p = pooling()
        with_indices = name != "max_pool2d"
        f = lambda x, k, s, p, d, ceil: F.max_pool2d(x, k, s or None, p, d, ceil, with_indices)
        return [images(2, 4), k, s, p, pair(1, 2), rng.random() < 0.4], f
    op(_name)(_make)
for _name in ("max_pool1d", "max_pool1d_with_indices"):
    def _make(name=_name):
        k, s, p = pooling()
        with_indices = name != "max_pool1d"
        # Without indices PyTorch takes kernels that do not fit.
        f = lambda x, k, s, p, d, ceil: F.max_pool1d(x, k, s or None, p, d, ceil, True)[:1 + with_indices]
        x = array(rng.choice(WIDE), [2] * (rng.random() < 0.7) + [2, rng.randint(4, 12)], "real")
        return [x, k[:1], s[:1], p[:1], pair(1, 2)[:1], rng.random() < 0.4], f
    op(_name)(_make)


@op("avg_pool2d", 1e-5)
def _():
    k, s, p = pooling()
    f = lambda x, k, s, p, ceil, count: F.avg_pool2d(x, k, s or None, p, ceil, count)
    return [images(2, 4), k, s, p, rng.random() < 0.4, rng.random() < 0.5], f


@op("avg_pool1d", 1e-5)
def _():
    k, s, p = pooling()
    f = lambda x, k, s, p, ceil, count: F.avg_pool1d(x, k, s or None, p, ceil, count)
    x = array(rng.choice(WIDE), [2] * (rng.random() < 0.7) + [2, rng.randint(4, 12)], "real")
    return [x, k[:1], s[:1], p[:1], rng.random() < 0.4, rng.random() < 0.5], f


op("adaptive_avg_pool2d", 1e-5)(lambda: ([images(2, 1), pair(1, 5)], F.adaptive_avg_pool2d))


@op("interpolate", 1e-5)
def _():
    x = images(2, 1)
    # PyTorch wants a batch, and takes other places for some factors where the channels come last in memory.
    batch = (x if x.dim() == 4 else x[None]).contiguous()
    mode = rng.choice(["nearest", "bilinear"])
    align = mode == "bilinear" and rng.random() < 0.5
    size, factor = (pair(1, 9), None) if rng.random() < 0.5 else ([], rng.choice([0.5, 1.5, 2.0, 2.3, 3.0]))
    def f(*_):
        y = F.interpolate(batch, size or None, factor, mode, align if mode == "bilinear" else None)
        return y if x.dim() == 4 else y[0]
    return [x, size, factor, mode, align], f


op("pixel_shuffle")(lambda: (lambda r: ([images(r * r * rng.randint(1, 2), 1, ALL), r], F.pixel_shuffle))(rng.randint(1, 3)))
