"""Random calls of attention."""

import torch
from torch import nn

import layer_calls
from layer_calls import Call, maker, normal, rng, some


class Attention(nn.Module):
    """nn.MultiheadAttention whose masks and flags come as positional arguments."""
    def __init__(self, inner):
        super().__init__()
        self.__dict__["inner"] = inner
        self._parameters, self._modules = inner._parameters, inner._modules

    def __repr__(self):
        return repr(self.inner)

    def forward(self, q, k, v, key_padding_mask, attn_mask, need_weights, average):
        self.inner._qkv_same_embed_dim = self.inner.kdim == self.inner.embed_dim and self.inner.vdim == self.inner.embed_dim
        return self.inner(q, k, v, key_padding_mask=key_padding_mask, attn_mask=attn_mask, need_weights=need_weights,
                          average_attn_weights=average)


@maker("MultiheadAttention")
def attention():
    heads = rng.randint(1, 3)
    e = heads * rng.randint(1, 3)
    batch_first = rng.random() < 0.5
    options = some(bias=False, add_bias_kv=True, add_zero_attn=True)
    if rng.random() < 0.3:
        options.update(kdim=rng.randint(1, 5), vdim=rng.randint(1, 5))
    n, queries, keys = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4)
    batched = rng.random() < 0.75
    def sequence(time, features):
        if not batched:
            return normal(time, features)
        return normal(n, time, features) if batch_first else normal(time, n, features)
    if "kdim" not in options and rng.random() < 0.3:
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
        if rng.random() < 0.5:
            attn_mask = torch.rand(shape, generator=torch.Generator().manual_seed(rng.randrange(10**6))) < 0.4
            attn_mask[..., 0] = False  # every query may look at the first key
        else:
            attn_mask = normal(*shape)
    settings = dict(options, embed_dim=e, num_heads=heads, batch_first=batch_first, dtype=layer_calls.dtype)
    module = nn.MultiheadAttention(e, heads, batch_first=batch_first, **options)
    for p in module.parameters():  # biases are 0 at first
        p.data = normal(*p.shape).double()
    inputs = [q, k, v, padding, attn_mask, rng.random() < 0.7, rng.random() < 0.5]
    return Call(Attention(module), settings, inputs, rng.random() < 0.5, wanted=3)
