"""Random calls of the parts of transformers. PyTorch has neither positions nor GatedMLP: theirs are written out."""

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from layer_calls import Call, extents, maker, normal, rng, some


# ---- Positions

def rotated(x, offset=0, base=10000.0, interleaved=False):
    """Pairs of features as complex numbers, times e^(i angle)."""
    length, d = x.shape[-2:]
    frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    turn = torch.exp(1j * torch.outer(torch.arange(offset, offset + length, dtype=torch.float64), frequency))
    real, imaginary = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :d // 2], x[..., d // 2:])
    y = torch.complex(real, imaginary) * turn
    if not interleaved:
        return torch.cat([y.real, y.imag], -1)
    out = torch.zeros_like(x)
    out[..., 0::2], out[..., 1::2] = y.real, y.imag
    return out


class RotaryPositionEncoding(nn.Module):
    def __init__(self, base=10000.0, interleaved=False):
        super().__init__()
        self.base, self.interleaved = base, interleaved

    def extra_repr(self):
        return "base=%r, interleaved=%r" % (self.base, self.interleaved)

    def forward(self, x):
        return rotated(x, 0, self.base, self.interleaved)


class SinusoidalPositionEncoding(nn.Module):
    def __init__(self, base=10000.0):
        super().__init__()
        self.base = base

    def extra_repr(self):
        return "base=%r" % self.base

    def forward(self, x):
        return x + sinusoidal(x.shape[-2], x.shape[-1], self.base)


def sinusoidal(length, width, base=10000.0, offset=0):
    table = torch.zeros(length, width, dtype=torch.float64)
    for column in range(width):
        angle = torch.arange(offset, offset + length, dtype=torch.float64) / base ** ((column - column % 2) / width)
        table[:, column] = torch.cos(angle) if column % 2 else torch.sin(angle)
    return table


def base():
    return rng.choice([10000.0, 500000.0, rng.uniform(1.5, 100)])


def rotary_settings():
    return some(base=base(), interleaved=True)


def rotary_operand():
    return normal(*extents(0, 2), rng.randint(1, 6), 2 * rng.randint(1, 4))


@maker("RotaryPositionEncoding")
def rotary():
    settings = rotary_settings()
    return Call(RotaryPositionEncoding(**settings), settings, [rotary_operand()])


@maker("F.rotary_position_encoding")
def rotary_function():
    settings = dict(rotary_settings(), **some(offset=rng.randint(1, 4000)))
    return Call(lambda x: rotated(x, **settings), settings, [rotary_operand()])


@maker("SinusoidalPositionEncoding")
def sinusoidal_module():
    settings = some(base=base())
    return Call(SinusoidalPositionEncoding(**settings), settings, [normal(*extents(0, 2), rng.randint(1, 6), rng.randint(1, 7))])


@maker("F.sinusoidal_position_encoding")
def sinusoidal_function():
    settings = dict(some(base=base(), offset=rng.randint(1, 4000)), length=rng.randint(0, 6), width=rng.randint(1, 7))
    return Call(lambda: sinusoidal(**settings), dict(settings, dtype=layer_calls.dtype), [])


# ---- GatedMLP

class GatedMLP(nn.Module):
    def __init__(self, features, hidden_features, activation="silu", bias=False):
        super().__init__()
        self.features, self.hidden_features, self.activation, self.bias = features, hidden_features, activation, bias
        self.gate_proj = nn.Linear(features, hidden_features, bias)
        self.up_proj = nn.Linear(features, hidden_features, bias)
        self.down_proj = nn.Linear(hidden_features, features, bias)

    def extra_repr(self):
        return "features=%d, hidden_features=%d, activation=%s, bias=%s" % (
            self.features, self.hidden_features, self.activation, self.bias)

    def forward(self, x):
        return self.down_proj(getattr(F, self.activation)(self.gate_proj(x)) * self.up_proj(x))


@maker("GatedMLP")
def gated_mlp():
    sizes = dict(features=rng.randint(1, 5), hidden_features=rng.randint(1, 6))
    settings = dict(sizes, **some(activation=rng.choice(["silu", "gelu"]), bias=True))
    return Call(GatedMLP(**settings), dict(settings, dtype=layer_calls.dtype), [normal(*extents(0, 2), sizes["features"])])


# ---- Transformers

class Positional(nn.Module):
    """A transformer part whose masks come as positional arguments, and print as PyTorch 2 prints it: equal neighbours in
    a list once. A causal flag, which version 1 does not have, is a mask here."""
    def __init__(self, inner, operands, masks):
        super().__init__()
        self.__dict__["inner"] = inner
        self._modules = inner._modules
        self.operands, self.masks = operands, masks

    def __repr__(self):
        return repr(self.inner)

    def forward(self, *arguments):
        operands, rest = arguments[:self.operands], arguments[self.operands:]
        masks = dict(zip(self.masks, rest))
        time_dim = 1 if operands[0].dim() == 3 and first_layer(self.inner).self_attn.batch_first else 0
        queries = operands[0].shape[time_dim]
        for (name, keys), causal in zip(zip(self.masks, (queries, operands[-1].shape[time_dim])), rest[len(self.masks):]):
            if causal:
                later = torch.full((queries, keys), float("-inf"), dtype=operands[0].dtype).triu(1)
                mask = masks[name]
                if mask is not None and mask.dtype == torch.bool:
                    mask = torch.zeros(mask.shape, dtype=operands[0].dtype).masked_fill(mask, float("-inf"))
                masks[name] = later if mask is None else mask + later
        return self.inner(*operands, **masks)


def first_layer(module):
    return module.layers[0] if hasattr(module, "layers") else module


class FoldedList(nn.ModuleList):
    def _get_name(self):
        return "ModuleList"

    def __repr__(self):
        groups = []
        for i, text in enumerate(repr(module).replace("\n", "\n  ") for module in self):
            if groups and groups[-1][2] == text:
                groups[-1][1] = i
            else:
                groups.append([i, i, text])
        return "ModuleList(\n  %s\n)" % "\n  ".join(
            "(%d): %s" % (a, text) if a == b else "(%d-%d): %d x %s" % (a, b, b - a + 1, text) for a, b, text in groups)


def mask(queries, keys, batch_heads):
    if rng.random() < 0.5:
        return None
    shape = [queries, keys] if rng.random() < 0.6 else [batch_heads, queries, keys]
    if rng.random() < 0.5:
        return normal(*shape)
    blocked = torch.rand(shape, generator=torch.Generator().manual_seed(rng.randrange(10**6))) < 0.4
    blocked[..., 0] = False  # every query may look at the first key
    return blocked


def padding(batch, keys, batched):
    if rng.random() < 0.6:
        return None
    rows = torch.tensor([[s > 0 and rng.random() < 0.4 for s in range(keys)] for _ in range(batch)])
    return rows if batched else rows[0]


def part(kind, stack, decoder):
    """A maker of calls of a layer, or of a stack of copies of it."""
    def make():
        heads = rng.randint(1, 3)
        width = heads * rng.randint(2, 3) if heads > 1 else rng.randint(3, 5)
        batched = rng.random() < 0.75
        training = rng.random() < 0.5
        options = dict(
            some(activation=rng.choice(["relu", "gelu"]), layer_norm_eps=rng.choice([1e-6, 1e-3]), batch_first=True,
                 norm_first=True),
            dim_feedforward=rng.randint(1, 6), **({"dropout": 0.0} if training else some(dropout=0.5)))
        layer = getattr(nn, "TransformerDecoderLayer" if decoder else "TransformerEncoderLayer")(width, heads, **options)
        settings = dict(options, d_model=width, nhead=heads, dtype=layer_calls.dtype)
        module = layer
        if stack:
            count, normed = rng.randint(1, 3), rng.random() < 0.5
            settings.update(num_layers=count, norm=normed)
            module = getattr(nn, kind)(layer, count, nn.LayerNorm(width) if normed else None)
            module._modules["layers"].__class__ = FoldedList
        for p in module.parameters():  # biases are 0 at first, and the layers equal
            p.data = normal(*p.shape, scale=0.7).double()
        n, time, source = rng.randint(1, 2) if batched else 1, rng.randint(1, 4), rng.randint(1, 4)
        def sequence(length):
            if not batched:
                return normal(length, width)
            return normal(n, length, width) if "batch_first" in options else normal(length, n, width)
        names = ["mask" if stack else "src_mask", "src_key_padding_mask"]
        inputs = [sequence(time), mask(time, time, n * heads), padding(n, time, batched)]
        if decoder:
            names = ["tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask"]
            inputs = [sequence(time), sequence(source), mask(time, time, n * heads), mask(time, source, n * heads),
                      padding(n, time, batched), padding(n, source, batched), rng.random() < 0.2]
        inputs.append(rng.random() < 0.4)
        operands = 2 if decoder else 1
        if decoder:
            inputs[-2:] = inputs[-1:] + inputs[-2:-1]
        return Call(Positional(module, operands, names), settings, inputs, training, wanted=operands)
    maker(kind)(make)


part("TransformerEncoderLayer", False, False)
part("TransformerEncoder", True, False)
part("TransformerDecoderLayer", False, True)
part("TransformerDecoder", True, True)
