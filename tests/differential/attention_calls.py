"""Random calls of attention."""

import math

import torch
from torch import nn
from torch.nn import functional as F

import layer_calls
from layer_calls import Call, extents, maker, normal, rng, some


def blocked(*shape):
    """A boolean mask that is true where a query must not look; every query may look at the first key."""
    mask = torch.tensor([rng.random() < 0.4 for _ in range(math.prod(shape))]).reshape(shape)
    mask[..., 0] = False
    return mask


def later_keys(queries, keys):
    return torch.ones(queries, keys).triu(1).bool()


# ---- scaled_dot_product_attention

def scaled_dot_product_attention(q, k, v, mask=None, is_causal=False, scale=None):
    """PyTorch 1.13's own knows neither scales nor masks that are added, and takes either a mask or is_causal."""
    if scale is None and (mask is None or mask.dtype == torch.bool and not is_causal):
        return F._scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)[0]
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    if is_causal:
        scores = scores.masked_fill(later_keys(*scores.shape[-2:]), -math.inf)
    return scores.softmax(-1) @ v


@maker("F.scaled_dot_product_attention")
def _():
    batch = extents(0, 2, 3)
    def broadcast():
        """`batch`, or what expands to it."""
        first = rng.randint(0, len(batch)) if rng.random() < 0.2 else 0
        return [rng.choice([1, n, n, n]) for n in batch[first:]]
    queries, keys, d, e = (rng.randint(1, 4) for _ in range(4))
    operands = [normal(*broadcast(), queries, d), normal(*broadcast(), keys, d), normal(*broadcast(), keys, e)]
    if rng.random() < 0.6:
        shape = rng.choice([[queries, keys], [keys], [1, keys], [1, queries, keys], [*broadcast(), queries, keys]])
        if rng.random() < 0.5:
            operands.append(~blocked(*shape))
        else:
            mask = normal(*shape)
            operands.append(mask.masked_fill(blocked(*shape), -math.inf) if rng.random() < 0.3 else mask)
    settings = some(is_causal=True, scale=rng.choice([1.0, 0.3, rng.uniform(0.1, 2)]))
    return Call(lambda *x: scaled_dot_product_attention(*x, **settings), settings, operands)


# ---- MultiheadAttention

class Attention(nn.Module):
    """nn.MultiheadAttention whose masks and flags come as positional arguments."""
    def __init__(self, inner):
        super().__init__()
        self.__dict__["inner"] = inner
        self._parameters, self._modules = inner._parameters, inner._modules

    def __repr__(self):
        return repr(self.inner)

    def forward(self, q, k, v, key_padding_mask, attn_mask, need_weights, average, is_causal):
        if is_causal:  # PyTorch 1.13 has no such argument
            time = -2 if q.dim() == 2 else 1 if self.inner.batch_first else 0
            later = later_keys(q.shape[time], k.shape[time])
            if attn_mask is None:
                attn_mask = later
            else:
                attn_mask = attn_mask | later if attn_mask.dtype == torch.bool else attn_mask.masked_fill(later, -math.inf)
        return self.inner(q, k, v, key_padding_mask=key_padding_mask, attn_mask=attn_mask, need_weights=need_weights,
                          average_attn_weights=average)


@maker("MultiheadAttention")
def attention():
    heads = rng.randint(1, 3)
    e = heads * rng.randint(1, 3)
    batch_first = rng.random() < 0.5
    options = some(bias=False, add_bias_kv=True, add_zero_attn=True)
    if rng.random() < 0.3:
        options.update(rng.choice([{"kdim": rng.randint(1, 5)}, {"vdim": rng.randint(1, 5)},
                                   {"kdim": rng.randint(1, 5), "vdim": rng.randint(1, 5)}]))
    n, queries, keys = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4)
    batched = rng.random() < 0.75
    def sequence(time, features):
        if not batched:
            return normal(time, features)
        return normal(n, time, features) if batch_first else normal(time, n, features)
    if "kdim" not in options and "vdim" not in options and rng.random() < 0.3:
        keys = queries
        q = sequence(queries, e)
        k, v = q.clone(), q.clone()
    else:
        q, k, v = (sequence(queries, e), sequence(keys, options.get("kdim", e)), sequence(keys, options.get("vdim", e)))
    padding = attn_mask = None
    if rng.random() < 0.4:
        padding = torch.tensor([[s > 0 and rng.random() < 0.4 for s in range(keys)] for _ in range(n if batched else 1)])
        padding = padding if batched else padding[0]
    if rng.random() < 0.5:
        shape = [queries, keys] if rng.random() < 0.6 else [(n if batched else 1) * heads, queries, keys]
        attn_mask = blocked(*shape) if rng.random() < 0.5 else normal(*shape)
    settings = dict(options, embed_dim=e, num_heads=heads, batch_first=batch_first, dtype=layer_calls.dtype)
    module = nn.MultiheadAttention(e, heads, batch_first=batch_first, **options)
    for p in module.parameters():  # biases are 0 at first
        p.data = normal(*p.shape).double()
    inputs = [q, k, v, padding, attn_mask, rng.random() < 0.7, rng.random() < 0.5, rng.random() < 0.3]
    return Call(Attention(module), settings, inputs, rng.random() < 0.5, wanted=3)
