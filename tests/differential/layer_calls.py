"""What the makers of random calls of layers share: random arrays, and the text of a call, which layers.h describes.

Values are of `dtype`, but PyTorch computes with them in float64 and the results are rounded in the end, so that what
float32 loses on the way is not PyTorch's.
"""

import collections
import math

import torch

import operands
from operands import plain_text, rng

MAKERS = {}
dtype = torch.float64  # of the call that is being made
drawn_anew = collections.Counter()  # calls that tell nothing of float32, by name


def maker(name):
    """Registers a function that returns a Call of the layer or function `name`."""
    def register(make):
        MAKERS[name] = make
        return make
    return register


class Call:
    """`module` is PyTorch's, or a function; settings are Lamina's names and values; inputs that are floating tensors
    get gradients."""
    def __init__(self, module, settings, inputs, training=True, wanted=None):
        """`wanted` is how many inputs get gradients, if not all."""
        self.module, self.settings, self.inputs, self.training = module, settings, inputs, training
        self.wanted = len(inputs) if wanted is None else wanted


def both(name, module, function, make):
    """The module under its name and the function under "F." and its name. `make` returns settings by PyTorch's names, the operands, and how many of them get gradients, if not all."""
    def as_module():
        settings, operands, *wanted = make()
        return Call(module(**settings), settings, operands, True, *wanted)
    def as_function():
        settings, operands, *wanted = make()
        def call(*x):
            return function(*x, **{k: wide(v, x[0].dtype) for k, v in settings.items()})
        return Call(call, settings, operands, True, *wanted)
    maker(name)(as_module)
    maker("F." + function.__name__)(as_function)


# ---- Random values

def normal(*shape, scale=1.0):
    x = torch.tensor([rng.gauss(0, scale) for _ in range(math.prod(shape))], dtype=torch.float64)
    x = x.reshape(shape).to(dtype)
    return x.transpose(-1, -2).contiguous().transpose(-1, -2) if len(shape) > 1 and rng.random() < 0.2 else x


def uniform(low, high, *shape):
    values = [rng.uniform(low, high) for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape).to(dtype)


def choices(values, *shape, of=None):
    return torch.tensor([rng.choice(values) for _ in range(math.prod(shape))], dtype=of or dtype).reshape(shape)


def extents(low=1, high=3, largest=4):
    return [rng.randint(1, largest) for _ in range(rng.randint(low, high))]


def some(**settings):
    """Those settings that are not None, each left at its default half of the time."""
    return {k: v for k, v in settings.items() if v is not None and rng.random() < 0.5}


# ---- The text

def number_text(v):
    return "nan" if math.isnan(v) else "inf" if v == math.inf else "-inf" if v == -math.inf else float(v).hex()


def flat_text(x):
    return [number_text(v) if x.dtype.is_floating_point else str(int(v)) for v in x.detach().reshape(-1).tolist()]


def argument_text(a):
    if isinstance(a, torch.Tensor):
        return operands.array_text(a.detach(), flat_text)
    return plain_text(a, number_text)


def result_text(x):
    return operands.result_text(rounded(x), flat_text)


def rounded(x):
    return x.detach().to(dtype) if x.dtype == torch.float64 else x.detach()


def wide(x, precision=torch.float64):
    if not isinstance(x, torch.Tensor):
        return x
    x = x.detach().clone()
    return x.to(precision) if x.dtype.is_floating_point else x


TOLERANCES = {torch.float32: "1e-4 1e-5", torch.float64: "1e-9 1e-10"}  # layers.h says of what


def run(name):
    """One call of `name` as a line of text. None if PyTorch refuses it, or if PyTorch itself, computing in float32, comes
    near the tolerance: then terms cancel, and the tolerance says nothing about who computes well."""
    call = MAKERS[name]()
    is_module = isinstance(call.module, torch.nn.Module)
    if is_module:
        call.module.to(dtype).to(torch.float64).train(call.training)
        state = " ".join("%s %s" % (k, argument_text(rounded(v))) for k, v in call.module.state_dict().items())
        text = repr(call.module).replace("\n", "~")
    else:
        state, text = "", "-"
    inputs = " ".join(argument_text(x) for x in call.inputs)
    before = {k: v.clone() for k, v in call.module.state_dict().items()} if is_module else {}
    # For some operands of losses PyTorch has no gradient: then only the first one gets one.
    for wanted in (call.wanted, 1, 0):
        roots = []
        try:
            outputs, given = computed(call, before, wanted, torch.float64, roots)
            break
        except RuntimeError:
            if wanted == 0:
                return None
    parameters = dict(call.module.named_parameters()) if is_module else {}
    input_gradients = {i: x.grad for i, x in enumerate(given) if isinstance(x, torch.Tensor) and x.grad is not None}
    parameter_gradients = {k: p.grad for k, p in parameters.items() if p.grad is not None}
    fields = [
        name,
        " ".join("%s %s" % (k, argument_text(v)) for k, v in call.settings.items()),
        "train" if call.training else "eval",
        text,
        state,
        inputs,
        " ".join("N" if r is None else argument_text(r) for r in roots),
        TOLERANCES[dtype],
        " ".join("%d %s" % (i, result_text(y)) for i, y in enumerate(outputs) if y is not None),
        " ".join("%d %s" % (i, result_text(g)) for i, g in input_gradients.items()),
        " ".join("%s %s" % (k, result_text(g)) for k, g in parameter_gradients.items()),
        " ".join("%s %s" % (k, result_text(b)) for k, b in call.module.named_buffers()) if is_module else "",
    ]
    if dtype == torch.float32:
        wanted_gradients = [g.clone() for g in [*input_gradients.values(), *parameter_gradients.values()]]
        if is_module:
            call.module.to(torch.float32)
        _, given = computed(call, before, wanted, torch.float32, roots)
        got = [given[i].grad for i in input_gradients] + [p.grad for k, p in parameters.items() if k in parameter_gradients]
        if not all(near(a, b) for a, b in zip(got, wanted_gradients)):
            drawn_anew[name] += 1
            return None
    return "|".join(fields)


def computed(call, before, wanted, precision, roots):
    """The outputs and the inputs, which have got gradients, as have the parameters. `before` is the state; roots are
    appended, or used if there are some."""
    if isinstance(call.module, torch.nn.Module):
        call.module.load_state_dict(before)
        call.module.zero_grad(set_to_none=True)
    given = [wide(x, precision) for x in call.inputs]
    for x in given[:wanted]:
        if isinstance(x, torch.Tensor) and x.dtype.is_floating_point:
            x.requires_grad_()
    outputs = flatten(call.module(*given))
    if not roots:
        for y in outputs:
            has_gradient = y is not None and y.dtype.is_floating_point and y.requires_grad
            roots.append(normal(*y.shape) if has_gradient else None)
    terms = [(y * r.to(precision)).sum() for y, r in zip(outputs, roots) if r is not None]
    if terms:
        sum(terms).backward()
    return outputs, given


def near(got, wanted):
    """Whether it is within a quarter of the tolerance."""
    relative, absolute = map(float, TOLERANCES[torch.float32].split())
    finite = wanted[wanted.isfinite()].abs()
    scale = max(1e-3, finite.max().item() if finite.numel() else 0)
    return torch.allclose(got.double(), wanted, relative / 4, absolute * scale / 4, equal_nan=True)


def flatten(x):
    if x is None or isinstance(x, torch.Tensor):
        return [x]
    return [y for part in x for y in flatten(part)]
