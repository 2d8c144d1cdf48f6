"""Random calls of convolutions, pooling and resampling."""

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from basic_calls import one_or_two, windows
from layer_calls import Call, maker, normal, rng, some, uniform


def sizes(axes, low, high):
    return rng.randint(low, high) if axes == 1 else one_or_two(low, high)


def each(numbers, axes):
    return list(numbers) if isinstance(numbers, tuple) else [numbers] * axes


def sequence_or_image(channels, extents):
    return normal(*rng.choice([[], [rng.randint(1, 3)], [rng.randint(1, 3)]]), channels, *extents)


def reach(kernel, dilation, axes):
    return [d * (k - 1) + 1 for k, d in zip(each(kernel, axes), each(dilation, axes))]


# ---- Convolutions

def channels():
    groups = rng.choice([1, 1, 2, 3])
    return groups, groups * rng.randint(1, 2), groups * rng.randint(1, 2)


def convolution(axes):
    """Channels in and out, the kernel, settings that modules and functions have, and an input."""
    groups, c, o = channels()
    kernel = sizes(axes, 1, 3)
    settings = some(stride=sizes(axes, 1, 3), padding=sizes(axes, 0, 2), dilation=sizes(axes, 1, 2), groups=groups)
    least = [max(r, 3) for r in reach(kernel, settings.get("dilation", 1), axes)]
    return c, o, kernel, settings, sequence_or_image(c, [rng.randint(e, e + 2) for e in least])


def bias(channels):
    return rng.choice([[], [uniform(-1, 1, channels)]])


def convolutions(axes):
    name = "onv%dd" % axes

    @maker("C" + name)
    def _():
        c, o, kernel, settings, x = convolution(axes)
        settings.update(some(bias=rng.random() < 0.5), in_channels=c, out_channels=o, kernel_size=kernel,
                        dtype=layer_calls.dtype)
        if rng.random() < 0.3:
            settings["padding"] = rng.choice(["same", "same", "valid"])
            if settings["padding"] == "same":
                settings.pop("stride", None)
        if rng.random() < 0.5:
            settings["padding_mode"] = rng.choice(["zeros", "reflect", "replicate", "circular"])
        return Call(getattr(nn, "C" + name)(**settings), settings, [x])

    @maker("F.c" + name)
    def _():
        c, o, kernel, settings, x = convolution(axes)
        weight = normal(o, c // settings.get("groups", 1), *each(kernel, axes))
        return Call(lambda *x: getattr(F, "c" + name)(*x, **settings), settings, [x, weight] + bias(o))


convolutions(1)
convolutions(2)


def transposed():
    c, o, kernel, settings, x = convolution(2)
    extents = [rng.randint(1, 4), rng.randint(1, 4)]
    least = [max(s, d) for s, d in zip(each(settings.get("stride", 1), 2), each(settings.get("dilation", 1), 2))]
    settings.update(some(output_padding=(rng.randrange(least[0]), rng.randrange(least[1]))))
    return c, o, kernel, settings, sequence_or_image(c, extents)


@maker("ConvTranspose2d")
def _():
    c, o, kernel, settings, x = transposed()
    settings.update(some(bias=rng.random() < 0.5), in_channels=c, out_channels=o, kernel_size=kernel,
                    dtype=layer_calls.dtype)
    operands = [x]
    if rng.random() < 0.3:
        s, p, d = (each(settings.get(n, e), 2) for n, e in (("stride", 1), ("padding", 0), ("dilation", 1)))
        k = each(kernel, 2)
        operands.append([(x.shape[i - 2] - 1) * s[i] - 2 * p[i] + d[i] * (k[i] - 1) + 1 + rng.randrange(s[i])
                         for i in range(2)])
    return Call(nn.ConvTranspose2d(**settings), settings, operands)


@maker("F.conv_transpose2d")
def _():
    c, o, kernel, settings, x = transposed()
    groups = settings.get("groups", 1)
    weight = normal(c, o // groups, *each(kernel, 2))
    return Call(lambda *x: F.conv_transpose2d(*x, **settings), settings, [x, weight] + bias(o))


# ---- Pooling and resampling

def as_module_and_function(name, function, make):
    """`make` returns settings by PyTorch's names, those by ours, and the input."""
    def as_module():
        settings, ours, x = make()
        return Call(getattr(nn, name)(**settings), ours, [x])

    def as_function():
        settings, ours, x = make()
        return Call(lambda x: getattr(F, function)(x, **settings), ours, [x])
    if name:
        maker(name)(as_module)
    maker("F." + function)(as_function)


def pooling(axes, **more):
    """`more` are functions that draw further settings."""
    def make():
        kernel = sizes(axes, 1, 4)
        padding = tuple(rng.randint(0, k // 2) for k in each(kernel, axes))
        settings = some(stride=sizes(axes, 1, 3), ceil_mode=rng.random() < 0.5,
                        padding=padding if isinstance(kernel, tuple) else padding[0],
                        **{k: draw() for k, draw in more.items()})
        settings["kernel_size"] = kernel
        # Kernels that do not fit are taken by PyTorch's max_pool1d where no gradient is asked for.
        least = reach(kernel, settings.get("dilation", 1), axes)
        return settings, settings, sequence_or_image(rng.randint(1, 2), [rng.randint(e, e + 4) for e in least])
    return make


for _axes in (1, 2):
    _max = pooling(_axes, dilation=lambda axes=_axes: sizes(axes, 1, 2))
    as_module_and_function("MaxPool%dd" % _axes, "max_pool%dd" % _axes, _max)
    as_module_and_function("", "max_pool%dd_with_indices" % _axes, _max)
    as_module_and_function("AvgPool%dd" % _axes, "avg_pool%dd" % _axes,
                           pooling(_axes, count_include_pad=lambda: rng.random() < 0.5))


def adaptive():
    settings = {"output_size": one_or_two(1, 4)}
    return settings, settings, sequence_or_image(rng.randint(1, 2), [rng.randint(1, 7), rng.randint(1, 7)])


def resampling():
    settings = some(mode=rng.choice(["nearest", "bilinear"]))
    if settings.get("mode") == "bilinear":
        settings.update(some(align_corners=rng.random() < 0.5))
    ours = dict(settings)
    if rng.random() < 0.5:
        settings["size"] = ours["size"] = one_or_two(1, 7)
    else:
        # For 2.3 and nearest, PyTorch 1.13 gives the gradient to other places than those it took.
        possible = [0.5, 1.0, 1.5, 2.0, 3.0] + [2.3] * (settings.get("mode") == "bilinear")
        factors = [rng.choice(possible) for _ in range(2)]
        ours["scale_factor"] = settings["scale_factor"] = factors[0]
        if rng.random() < 0.5:
            settings["scale_factor"], ours["column_factor"] = tuple(factors), factors[1]
    # PyTorch wants a batch, and takes other places for some factors where the channels come last in memory.
    x = normal(rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 5), rng.randint(1, 5)).contiguous()
    return settings, ours, x


as_module_and_function("AdaptiveAvgPool2d", "adaptive_avg_pool2d", adaptive)
as_module_and_function("Upsample", "interpolate", resampling)


# ---- Windows as columns

@maker("F.unfold")
def _():
    settings = windows()
    x = normal(rng.randint(1, 2), rng.randint(1, 3), rng.randint(3, 5), rng.randint(3, 5))
    return Call(lambda x: F.unfold(x, **settings), settings, [x])


@maker("F.fold")
def _():
    while True:
        settings, size = windows(), one_or_two(3, 5)
        try:
            columns = F.unfold(torch.zeros(rng.randint(1, 2), rng.randint(1, 2), *each(size, 2)), **settings)
        except RuntimeError:  # no window fits
            continue
        settings["output_size"] = size
        return Call(lambda x: F.fold(x, **settings), settings, [normal(*columns.shape)])
