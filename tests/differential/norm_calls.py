"""Random calls of the layers of normalisation."""

import math

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from layer_calls import Call, extents, maker, normal, rng, some, uniform


class RMSNorm(nn.Module):
    """PyTorch 1.13 has none: the formula, and the text of PyTorch 2.4."""
    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = nn.Parameter(torch.ones(self.normalized_shape, dtype=dtype)) if elementwise_affine else None

    def forward(self, x):
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return "%s, eps=%s, elementwise_affine=%s" % (self.normalized_shape, self.eps, self.elementwise_affine)


def rms_norm(x, normalized_shape, weight=None, eps=None):
    eps = torch.finfo(layer_calls.dtype).eps if eps is None else eps
    squares = (x * x).mean(tuple(range(x.dim() - len(normalized_shape), x.dim())), keepdim=True)
    y = x / torch.sqrt(squares + eps)
    return y if weight is None else y * weight


def trained(module):
    """Other values than those that layers start with."""
    for name, x in list(module.named_parameters()) + list(module.named_buffers()):
        if x.dtype.is_floating_point:
            x.data = uniform(0.3, 2, *x.shape) if "var" in name else normal(*x.shape)
        else:
            x.data = torch.tensor(rng.randrange(5))
    return module


def data(*shape):
    """Sometimes far from 0."""
    x = normal(*shape, scale=rng.choice([0.1, 1, 10]))
    return x + rng.choice([0, 0, 3, -20])


def eps_for(elements):
    """Of few elements, gradients would be differences of what is nearly equal."""
    return some(eps=rng.choice([1e-3, 0.2])) if elements > 3 else {"eps": 0.5}


# ---- Rows

def rows():
    shape = rng.choice([[rng.randint(1, 9)], [rng.randint(1, 3), rng.randint(1, 4)], [rng.randint(30, 50)]])
    return shape, data(*extents(0, 3, 3), *shape), eps_for(math.prod(shape))


def shape_setting(shape):
    return shape[0] if len(shape) == 1 and rng.random() < 0.3 else tuple(shape)


class LayerNorm(nn.LayerNorm):
    """PyTorch 1.13 has no `bias`, and always as many dimensions in a row as normalized_shape has. Here num_features in
    its place are a row of the trailing dimensions."""
    def __init__(self, normalized_shape=None, num_features=None, bias=True, **settings):
        super().__init__(normalized_shape if num_features is None else num_features, **settings)
        self.num_features = num_features
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x):
        return super().forward(x if self.num_features is None else x.reshape(-1, self.num_features)).reshape(x.shape)


@maker("LayerNorm")
def _():
    shape, x, settings = rows()
    settings.update(some(elementwise_affine=rng.random() < 0.5, bias=False), dtype=layer_calls.dtype)
    if rng.random() < 0.3:
        settings["num_features"] = math.prod(shape)
    else:
        settings["normalized_shape"] = tuple(shape)
    return Call(trained(LayerNorm(**settings)), settings, [x])


@maker("RMSNorm")
def _():
    shape, x, settings = rows()
    settings.update(some(elementwise_affine=rng.random() < 0.5), normalized_shape=shape_setting(shape),
                    dtype=layer_calls.dtype)
    return Call(trained(RMSNorm(**settings)), settings, [x])


@maker("F.layer_norm")
def _():
    shape, x, settings = rows()
    settings["normalized_shape"] = tuple(shape)
    operands = [x] + rng.choice([[], [normal(*shape)], [normal(*shape), normal(*shape)], [None, normal(*shape)]])
    def f(x, weight=None, bias=None):
        return F.layer_norm(x, weight=weight, bias=bias, **settings)
    return Call(f, settings, operands)


@maker("F.rms_norm")
def _():
    shape, x, settings = rows()
    settings["normalized_shape"] = tuple(shape)
    operands = [x] + rng.choice([[], [normal(*shape)]])
    return Call(lambda *x: rms_norm(*x[:1], settings["normalized_shape"], *x[1:], eps=settings.get("eps")), settings,
                operands)


# ---- Groups of channels

def groups():
    inner = rng.choice([[], [rng.randint(2, 6)], [rng.randint(1, 3), rng.randint(2, 20)]])
    groups, each = rng.randint(1, 3), rng.randint(1 if inner else 2, 3)
    x = data(rng.randint(2, 3), groups * each, *inner)
    return groups, groups * each, x, eps_for(each * math.prod(inner))


@maker("GroupNorm")
def _():
    groups_, channels, x, settings = groups()
    settings.update(some(affine=rng.random() < 0.5), num_groups=groups_, num_channels=channels, dtype=layer_calls.dtype)
    return Call(trained(nn.GroupNorm(**settings)), settings, [x])


@maker("F.group_norm")
def _():
    groups_, channels, x, settings = groups()
    settings["num_groups"] = groups_
    operands = [x] + rng.choice([[], [normal(channels)], [normal(channels), normal(channels)]])
    return Call(lambda x, *more: F.group_norm(x, settings["num_groups"], *more, eps=settings.get("eps", 1e-5)), settings,
                operands)


# ---- Batches

def batch(rank):
    inner = {2: [], 3: [rng.randint(1, 6)], 4: [rng.randint(1, 3), rng.choice([rng.randint(1, 9), 23])]}[rank]
    n, channels = rng.choice([rng.randint(2, 5), 30]), rng.randint(1, 4)
    return channels, data(n, channels, *inner), eps_for(n * math.prod(inner))


def biased_step(variance, x, part):
    """The running variance after x, whose squares are divided by n, where PyTorch's are by n - 1."""
    deviation = (x - x.mean([d for d in range(x.dim()) if d != 1], keepdim=True)).transpose(0, 1).flatten(1)
    return (1 - part) * variance + part * (deviation * deviation).sum(1) / deviation.shape[1]


class BiasedRunningVariance:
    """A BatchNorm with the option biased_running_var."""
    def __init__(self, biased_running_var=False, **settings):
        super().__init__(**settings)
        self.biased_running_var = biased_running_var

    def forward(self, x):
        if not (self.biased_running_var and self.training and self.track_running_stats):
            return super().forward(x)
        before = self.running_var.clone()
        y = super().forward(x)
        part = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_var = biased_step(before, x.detach(), part)  # the old one is kept for backward
        return y


class BatchNorm1d(BiasedRunningVariance, nn.BatchNorm1d):
    pass


class BatchNorm2d(BiasedRunningVariance, nn.BatchNorm2d):
    pass


def batch_norm_call(module, rank):
    def call():
        channels, x, settings = batch(rank())
        settings.update(some(momentum=rng.choice([0.3, None, 1.0]), affine=rng.random() < 0.5,
                             track_running_stats=rng.random() < 0.5, biased_running_var=rng.random() < 0.7),
                        num_features=channels, dtype=layer_calls.dtype)
        if rng.random() < 0.2:
            settings["momentum"] = None
        training = rng.random() < 0.6
        made = trained(module(**settings))
        ours = {k: -1.0 if v is None else v for k, v in settings.items()}  # no momentum
        return Call(made, ours, [x], training)
    return call


maker("BatchNorm1d")(batch_norm_call(BatchNorm1d, lambda: rng.choice([2, 3])))
maker("BatchNorm2d")(batch_norm_call(BatchNorm2d, lambda: 4))


def statistics(channels):
    return [normal(channels), uniform(0.3, 2, channels)]


def parameters(channels):
    return rng.choice([[], [normal(channels)], [normal(channels), normal(channels)], [None, normal(channels)]])


def with_statistics(function, settings):
    """The running statistics after the call are results, too."""
    def f(x, mean, variance, weight=None, bias=None):
        mean, variance = (None if t is None else t.detach().clone() for t in (mean, variance))
        y = function(x, mean, variance, weight, bias, **settings)
        return [y] if mean is None else [y, mean, variance]
    return f


def batch_norm(x, mean, variance, weight, bias, training, biased_running_var=False, momentum=0.1, eps=1e-5):
    if not training or not biased_running_var or variance is None:
        return F.batch_norm(x, mean, variance, weight, bias, training, momentum, eps)
    y = F.batch_norm(x, mean, variance.clone(), weight, bias, training, momentum, eps)
    variance.copy_(biased_step(variance, x.detach(), momentum))
    return y


@maker("F.batch_norm")
def _():
    channels, x, settings = batch(rng.choice([2, 3, 4]))
    settings.update(some(momentum=rng.choice([0.3, 1.0]), biased_running_var=rng.random() < 0.7),
                    training=rng.random() < 0.6)
    running = [None, None] if settings["training"] and rng.random() < 0.3 else statistics(channels)
    return Call(with_statistics(batch_norm, settings), settings, [x, *running, *parameters(channels)])


# ---- Images one by one

def images():
    channels, inner = rng.randint(1, 4), [rng.randint(1, 3), rng.choice([rng.randint(2, 9), 23])]
    n = rng.choice([[], [rng.randint(1, 3)]])
    return channels, data(*n, channels, *inner), eps_for(math.prod(inner))


@maker("InstanceNorm2d")
def _():
    channels, x, settings = images()
    settings.update(some(momentum=rng.choice([0.3, 1.0]), affine=rng.random() < 0.7,
                         track_running_stats=rng.random() < 0.7), num_features=channels, dtype=layer_calls.dtype)
    return Call(trained(nn.InstanceNorm2d(**settings)), settings, [x], rng.random() < 0.6)


@maker("F.instance_norm")
def _():
    channels, x, settings = images()
    x = x if x.dim() == 4 else x.unsqueeze(0)
    settings.update(some(momentum=rng.choice([0.3, 1.0])), use_input_stats=rng.random() < 0.6)
    running = [None, None] if settings["use_input_stats"] and rng.random() < 0.3 else statistics(channels)
    return Call(with_statistics(F.instance_norm, settings), settings, [x, *running, *parameters(channels)])
