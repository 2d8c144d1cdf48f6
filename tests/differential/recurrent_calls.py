"""Random calls of the recurrent layers and cells."""

from torch import nn

import layer_calls
from layer_calls import Call, maker, normal, rng, some


def sequence(name, module, states):
    def make():
        i, h = rng.randint(1, 4), rng.randint(1, 4)
        layers = rng.choice([1, 1, 2, 3])
        options = some(num_layers=layers, bias=False, batch_first=True, bidirectional=True)
        training = rng.random() < 0.5
        if not training and options.get("num_layers", 1) > 1:
            options["dropout"] = 0.5  # which does nothing
        if name == "RNN":
            options.update(some(nonlinearity="relu"))
        rows = options.get("num_layers", 1) * (2 if "bidirectional" in options else 1)
        time, batch = rng.randint(1, 4), rng.randint(1, 3)
        if rng.random() < 0.25:
            x, shape = normal(time, i), [rows, h]
        else:
            x = normal(batch, time, i) if "batch_first" in options else normal(time, batch, i)
            shape = [rows, batch, h]
        inputs = [x] + ([normal(*shape) for _ in range(states)] if rng.random() < 0.6 else [])
        built = module(i, h, **options)
        settings = dict(options, input_size=i, hidden_size=h, dtype=layer_calls.dtype)
        return Call(Stateful(built, states), settings, inputs, training)
    maker(name)(make)


def cell(name, module, states):
    def make():
        i, h = rng.randint(1, 4), rng.randint(1, 4)
        options = some(bias=False)
        if name == "RNNCell":
            options.update(some(nonlinearity="relu"))
        batch = [rng.randint(1, 3)] if rng.random() < 0.7 else []
        inputs = [normal(*batch, i)] + ([normal(*batch, h) for _ in range(states)] if rng.random() < 0.6 else [])
        settings = dict(options, input_size=i, hidden_size=h, dtype=layer_calls.dtype)
        return Call(Stateful(module(i, h, **options), states), settings, inputs)
    maker(name)(make)


class Stateful(nn.Module):
    """A module whose states come as further arguments; otherwise it is the one inside."""
    def __init__(self, inner, states):
        super().__init__()
        self.__dict__["inner"], self.states = inner, states
        self._parameters, self._modules = inner._parameters, inner._modules

    def __repr__(self):
        return repr(self.inner)

    def train(self, mode=True):
        self.inner.train(mode)
        return self

    def to(self, *args):
        self.inner.to(*args)
        return self

    def forward(self, x, *state):
        if not state:
            return self.inner(x)
        return self.inner(x, state[0] if self.states == 1 else tuple(state))


sequence("RNN", nn.RNN, 1)
sequence("LSTM", nn.LSTM, 2)
sequence("GRU", nn.GRU, 1)
cell("RNNCell", nn.RNNCell, 1)
cell("LSTMCell", nn.LSTMCell, 2)
cell("GRUCell", nn.GRUCell, 1)
