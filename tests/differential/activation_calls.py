"""Random calls of the activations, as modules and, under "F." and their names, as functions."""

import math

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from layer_calls import Call, both, choices, extents, maker, normal, rng, some, uniform

INFINITE = [math.inf, -math.inf]


def values(*shape, special=(0.0, 1.0, -1.0)):
    """Of small or large magnitude, or only those where the function is special."""
    if rng.random() < 0.3:
        return choices([*special, 0.0, 0.5, -0.5], *shape)
    x = normal(*shape, scale=rng.choice([0.1, 1, 1, 30]))
    # Not all where the function is flat: float32 has only rounding left of such gradients, and nothing to measure it by.
    if x.numel():
        x[(0,) * x.dim()] = rng.uniform(0.5, 1) * rng.choice([-1, 1])
    return x


def elementwise(name, module, function, special=(), settings=lambda: {}):
    both(name, module, function, lambda: (settings(), [values(*extents(0, 3), special=special)]))


elementwise("ReLU", nn.ReLU, F.relu, INFINITE)
elementwise("ReLU6", nn.ReLU6, F.relu6, [6.0, *INFINITE])
elementwise("SELU", nn.SELU, F.selu, INFINITE)
# Where PyTorch's answer to an infinity is not a number, it is not asked for.
elementwise("SiLU", nn.SiLU, F.silu, [100.0, -90.0])
elementwise("Mish", nn.Mish, F.mish, [100.0, -90.0])
elementwise("Sigmoid", nn.Sigmoid, F.sigmoid, INFINITE)
elementwise("Tanh", nn.Tanh, F.tanh, INFINITE)


class Hardsigmoid(nn.Module):
    """PyTorch's own has 1 / 6 rounded to float32 in its gradient, also for float64."""
    def forward(self, x):
        return hardsigmoid(x)


def hardsigmoid(x):
    return F.relu6(x + 3) / 6


elementwise("Hardsigmoid", Hardsigmoid, hardsigmoid, [3.0, -3.0, *INFINITE])
# At 3 PyTorch's slope is 1 in vectors and 1.5 in what is left of them.
elementwise("Hardswish", nn.Hardswish, F.hardswish, [2.5, -3.0, 1e4, -1e4])
elementwise("Softsign", nn.Softsign, F.softsign, [1e4, -1e4])
elementwise("Tanhshrink", nn.Tanhshrink, F.tanhshrink, INFINITE)
elementwise("LeakyReLU", nn.LeakyReLU, F.leaky_relu, INFINITE,
            lambda: some(negative_slope=rng.choice([0.2, 1e-5, -0.25, 3.0])))
elementwise("ELU", nn.ELU, F.elu, INFINITE, lambda: some(alpha=rng.choice([0.5, 2.0, 1.5])))
elementwise("CELU", nn.CELU, F.celu, INFINITE, lambda: some(alpha=rng.choice([0.5, 2.0, 1.5])))
elementwise("GELU", nn.GELU, F.gelu, [100.0, -30.0], lambda: some(approximate=rng.choice(["none", "tanh"])))
elementwise("Hardtanh", nn.Hardtanh, F.hardtanh, [2.0, *INFINITE],
            lambda: some(min_val=rng.choice([-0.5, -2.0]), max_val=rng.choice([0.5, 2.0])))
elementwise("Softplus", nn.Softplus, F.softplus, [10.0, 20.0, *INFINITE],
            lambda: some(beta=rng.choice([2, 0.5, 3]), threshold=rng.choice([10, 1, 0.5])))


def threshold(x, threshold, value):
    return F.threshold(x, threshold, value)


elementwise("Threshold", nn.Threshold, threshold, INFINITE,
            lambda: {"threshold": rng.choice([0.5, 0, -1]), "value": rng.choice([20, 0.1, -3])})


def along(name, module, function):
    def make():
        shape = extents(1, 4)
        # Not larger: gradients that are all nearly 0 are what float32's rounding left.
        return {"dim": rng.randrange(-len(shape), len(shape))}, [normal(*shape, scale=rng.choice([0.1, 1]))]
    both(name, module, function, make)


along("Softmax", nn.Softmax, F.softmax)
along("LogSoftmax", nn.LogSoftmax, F.log_softmax)
along("Softmin", nn.Softmin, F.softmin)


def glu():
    shape = extents(1, 4)
    dim = rng.choice([-1, rng.randrange(-len(shape), len(shape))])
    shape[dim] *= 2
    return {"dim": dim} if dim != -1 else some(dim=-1), [normal(*shape, scale=rng.choice([1, 30]))]


both("GLU", nn.GLU, F.glu, glu)


def prelu_input():
    shape = extents(0, 4)
    channels = shape[1] if len(shape) > 1 and rng.random() < 0.6 else 1
    return channels, values(*shape, special=INFINITE)


@maker("PReLU")
def _():
    channels, x = prelu_input()
    settings = dict(some(init=rng.choice([0.5, 0.1])), dtype=layer_calls.dtype)
    if channels != 1:
        settings["num_parameters"] = channels
    module = nn.PReLU(**settings)
    with torch.no_grad():
        module.weight.copy_(uniform(-1, 1, channels))
    return Call(module, settings, [x])


@maker("F.prelu")
def _():
    channels, x = prelu_input()
    return Call(F.prelu, {}, [x, uniform(-1, 1, channels)])
