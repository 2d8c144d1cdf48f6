"""A random graph of operations in PyTorch: how it grows, its gradients, and its text (graph.h describes that)."""

import itertools
import math

import torch

import operands
from operands import plain_text, rng


class Reject(Exception):
    """An operation that cannot be done here, or a graph that is not fit to compare."""


def require(condition, reason=""):
    if not condition:
        raise Reject(reason)


# ---- Arrays

def grid(x):
    """Rounded so that it is short in decimal, and the same in float32."""
    return round(x * 128) / 128


def random_values(count, dtype):
    def one():
        if rng.random() < 0.02:
            return 0.0
        return grid(rng.gauss(0, 1) if rng.random() < 0.5 else rng.uniform(0.3, 2))
    return torch.tensor([one() for _ in range(count)], dtype=dtype)


def random_shape(rank, most):
    rank = rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]) if rank is None else rank
    while True:
        shape = [rng.choice([1, 2, 2, 3, 3, 4, 5] if most < 100 else [1, 2, 3, 5, 8, 17, 33, 70]) for _ in range(rank)]
        if rank and rng.random() < 0.03:
            shape[rng.randrange(rank)] = 0
        if math.prod(shape) <= most:
            return shape


def random_array(shape, dtype):
    """Values in one of several layouts."""
    count = math.prod(shape)
    layout = rng.choice(["plain", "plain", "transposed", "gaps", "expanded"])
    if layout == "gaps" and shape and count:
        wide = random_values(math.prod(shape) * 2 ** min(len(shape), 2), dtype)
        wide = wide.reshape([2 * e if d < 2 else e for d, e in enumerate(shape)])
        return wide[tuple(slice(1, None, 2) if d < 2 else slice(None) for d in range(len(shape)))]
    x = random_values(count, dtype).reshape(shape)
    if layout == "transposed" and len(shape) > 1:
        order = rng.sample(range(len(shape)), len(shape))
        return x.permute(order).contiguous().permute([order.index(i) for i in range(len(shape))])
    if layout == "expanded" and shape and count and rng.random() < 0.5:
        return x.narrow(rng.randrange(len(shape)), 0, 1).expand(shape)
    return x


def numbers_text(x):
    if not x.dtype.is_floating_point:
        return [str(int(v)) for v in x.reshape(-1).tolist()]
    form = "%.9g" if x.dtype == torch.float32 else "%.16g"
    return [form % v for v in x.reshape(-1).tolist()]


def array_text(x):
    return operands.array_text(x, numbers_text)


def result_text(x):
    return operands.result_text(x, numbers_text)


class Value:
    """A leaf or a result: its number in the graph, what it was when the graph grew, how many operations led here."""

    def __init__(self, number, array, depth):
        self.number, self.array, self.depth, self.uses = number, array, depth, 0
        self.hidden = False  # not unique: only for the operation that makes it so

    @property
    def shape(self):
        return list(self.array.shape)

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def rank(self):
        return self.array.dim()


def argument_text(a):
    if isinstance(a, Value):
        return "V %d" % a.number
    if isinstance(a, torch.Tensor):
        return array_text(a)
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], (Value, torch.Tensor)):
        return " ".join(["A", str(len(a))] + [argument_text(x) for x in a])
    return plain_text(a, repr)


def values_in(args):
    for a in args:
        for v in a if isinstance(a, (list, tuple)) else [a]:
            if isinstance(v, Value):
                yield v


class Graph:
    def __init__(self, depth, dtype, mixed, most):
        """Of operations at most `depth` deep, with results of at most `most` elements; float32 and float64 if mixed."""
        self.limit, self.dtype, self.mixed = depth, dtype, mixed
        self.most = most
        self.largest = 30  # what an element may be: an operation that gives more is not taken
        self.values, self.leaves = [], []
        self.statements = []  # (None, leaf) or (operation's name, function, arguments, results)
        self.roots = []       # (value, gradient)
        self.depth = 0        # of the deepest output, without what adds several outputs up

    # ---- Growing

    def leaf(self, shape, dtype=None):
        require(len(self.leaves) < 8)
        dtype = dtype or (rng.choice([torch.float32, torch.float64]) if self.mixed else self.dtype)
        value = Value(len(self.values), random_array(shape, dtype), 0)
        self.values.append(value)
        self.leaves.append(value)
        self.statements.append((None, value))
        return value

    def constant(self, shape):
        return random_values(math.prod(shape), self.dtype).reshape(shape)

    def do(self, name, f, *args, family=()):
        """Adds an operation, the arguments in the order of its declaration. Gives its results, or the only one. `family`
        are the values that it writes to."""
        depth = 1 + max(v.depth for v in values_in(args))
        require(depth <= self.limit)
        try:
            if family:
                results, changed = self.try_write(f, args, family)
            else:
                changed = {}
                with torch.no_grad():
                    results = f(*plain(args, lambda v: v.array))
        except (RuntimeError, IndexError, ValueError, TypeError):
            raise Reject from None
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        for x in [*results, *changed.values()]:
            require(x.numel() <= self.most and x.dim() <= 6)
            if x.dtype.is_floating_point and x.numel():
                require(bool(torch.isfinite(x).all()) and x.abs().max() <= self.largest)
        for v in values_in(args):
            v.uses += 1
        for v, x in changed.items():
            v.array, v.depth = x, depth
        values = [Value(len(self.values) + i, x.clone(), depth) for i, x in enumerate(results)]
        self.values += values
        self.statements.append((name, f, args, values))
        return values[0] if len(values) == 1 else values

    def try_write(self, f, args, family):
        """The result, and what the values in the family become. Throws what PyTorch throws."""
        env = self.execute([leaf.array.clone().requires_grad_() for leaf in self.leaves])
        result = f(*plain(args, lambda v: env[v.number]))
        return result.detach(), {v: env[v.number].detach().clone() for v in family}

    def usable(self):
        return [v for v in self.values if v.dtype.is_floating_point and v.depth < self.limit and not v.hidden]

    def pick(self, rank=None, where=lambda v: True, new=0.1):
        """A value to go on with, often one of the deepest; now and then a new leaf."""
        def fits(v):
            ranks = [rank] if isinstance(rank, int) else rank
            return (ranks is None or v.rank in ranks) and where(v)
        found = [v for v in self.usable() if fits(v)]
        if not found or rng.random() < new:
            one = rank if rank is None or isinstance(rank, int) else rng.choice(list(rank))
            leaf = self.leaf(random_shape(one, self.most // 2))
            require(fits(leaf))
            return leaf
        if rng.random() < 0.7:
            deepest = max(v.depth for v in found)
            found = [v for v in found if v.depth >= deepest - 1]
        unused = [v for v in found if not v.uses]
        return rng.choice(unused if unused and rng.random() < 0.6 else found)

    def shaped(self, shape, dtype=None):
        """A value of this shape and dtype: one that is there, or what another is brought to, or a new leaf."""
        shape = list(shape)
        usable = [v for v in self.usable() if dtype in (None, v.dtype)]
        found = [v for v in usable if v.shape == shape]
        if found and rng.random() < 0.7:
            return rng.choice(found)
        count = math.prod(shape)
        larger = [v for v in usable if v.array.numel() >= count and v.depth + 3 <= self.limit]
        if larger and rng.random() < 0.6:
            flat = self.do("reshape", torch.reshape, rng.choice(larger), [-1])
            start = rng.randint(0, flat.array.numel() - count)
            part = self.do("narrow", torch.narrow, flat, 0, start, count)
            return self.do("reshape", torch.reshape, part, shape)
        return self.leaf(shape, dtype)

    # ---- Gradients

    def slope(self, leaves, directions, step):
        """The derivative, as a difference, of what backward begins from when the leaves move in these directions; and the
        largest number that was in it."""
        given = None
        sums = []
        for sign in (0, 1, -1):
            with torch.no_grad():
                env = self.execute([x + sign * step * d for x, d in zip(leaves, directions)])
            if given is None:
                given = [env[g.number].clone() if isinstance(g, Value) else g for _, g in self.roots]
                continue
            sums.append(sum(float((env[root.number] if g is None else env[root.number] * g).sum())
                            for (root, _), g in zip(self.roots, given)))
        return (sums[0] - sums[1]) / (2 * step), max(map(abs, sums))

    def execute(self, leaves):
        """What all values are when the leaves are these."""
        env = {leaf.number: x for leaf, x in zip(self.leaves, leaves)}
        for name, *rest in self.statements:
            if name is None:
                continue
            f, args, results = rest
            out = f(*plain(args, lambda v: env[v.number]))
            for value, x in zip(results, out if isinstance(out, (list, tuple)) else [out]):
                env[value.number] = x
        return env

    def gradients(self, leaves, second):
        """Values, first gradients, their scale, and second gradients or None."""
        leaves = [x.detach().requires_grad_() for x in leaves]
        env = self.execute(leaves)
        inner = [x for x in env.values() if x.requires_grad and not x.is_leaf]
        for x in inner:
            x.retain_grad()
        for i, (root, gradient) in enumerate(self.roots):
            given = env[gradient.number] if isinstance(gradient, Value) else gradient
            if given is not None:
                given = given.clone()  # PyTorch may add into what it is given
            env[root.number].backward(given, retain_graph=i + 1 < len(self.roots) or second, create_graph=second)
        first = [leaf.grad for leaf in leaves]
        scale = max([1.0] + [float(x.grad.detach().abs().max()) for x in itertools.chain(inner, leaves)
                             if x.grad is not None and x.numel()])
        for x in itertools.chain(inner, leaves):
            x.grad = None
        again = None
        if second:
            total = sum((g.square().sum() for g in first if g is not None), torch.zeros(()))
            if total.requires_grad:
                total.backward()
                again = [leaf.grad for leaf in leaves]
        def stored(gradients):  # PyTorch has zeros without a storage
            return gradients and [g if g is None else g.detach() + torch.zeros_like(g) for g in gradients]
        return {n: x.detach() for n, x in env.items()}, stored(first), scale, stored(again)

    def operations(self):
        return [statement[0] for statement in self.statements if statement[0]]


def plain(args, array):
    def one(a):
        if isinstance(a, Value):
            return array(a)
        if isinstance(a, (list, tuple)) and a and isinstance(a[0], (Value, torch.Tensor)):
            return [one(x) for x in a]
        return a
    return [one(a) for a in args]
