"""Makers of products and linear algebra."""

import torch
import torch.nn.functional as F

from graph import require, rng
from graph_makers import bring, has_elements, maker, part_of, scalar


def extent():
    return rng.randint(1, 4)


@maker("matmul")
def _(g):
    a = g.pick([1, 2, 3])
    k = a.shape[-1]
    batch = a.shape[:-2]
    b = g.shaped(rng.choice([[k], [k, extent()], (part_of(batch) if batch else [2]) + [k, extent()]]), a.dtype)
    if rng.random() < 0.5 and a.rank == b.rank == 2:
        a, b = g.do("t", torch.t, b), g.do("t", torch.t, a)
    g.do("matmul", torch.matmul, a, b)


@maker("bmm", "mm", "mv", "dot", "outer")
def _(g, name):
    a = g.pick({"bmm": 3, "mm": 2, "mv": 2}.get(name, 1))
    k = a.shape[-1]
    b = g.shaped({"bmm": [a.shape[0], k, extent()], "mm": [k, extent()], "outer": [extent()]}.get(name, [k]), a.dtype)
    g.do(name, getattr(torch, name), a, b)


@maker("addmm")
def _(g):
    a = g.pick(2)
    b = g.shaped([a.shape[1], extent()], a.dtype)
    c = g.shaped(part_of([a.shape[0], b.shape[1]]), a.dtype)
    f = lambda c, a, b, beta, alpha: torch.addmm(c, a, b, beta=beta, alpha=alpha)
    g.do("addmm", f, c, a, b, scalar(), scalar())


@maker("linear")
def _(g):
    x = g.pick([1, 2, 3])
    w = g.shaped([extent(), x.shape[-1]], x.dtype)
    g.do("linear", F.linear, x, w, g.shaped(w.shape[:1], x.dtype) if rng.random() < 0.6 else None)


EQUATIONS = (
    "ab,bc->ac ab,bc a,b->ab aa->a aa aab->b abc->cab ab-> abc,cd->abd ab,ab-> ab,ab bac,bcd->bad ba ...a->... "
    "a...,a->... ab,cb,c->a a,a,a->a aab,bcc->ac a...b->b...a ...ab,...bc->...ac").split()


@maker("einsum")
def _(g):
    equation = rng.choice(EQUATIONS)
    sizes, operands = {"...": [extent() for _ in range(rng.randint(0, 1))]}, []
    terms = [t.replace("...", ".") for t in equation.split("->")[0].split(",")]
    if rng.random() < 0.7:
        found = g.pick(rng.choice([1, 2, 3]))
        first = terms[0].replace(".", "")
        if "." not in terms[0] and len(first) == found.rank:
            sizes.update(zip(first, found.shape))
            if [sizes[c] for c in first] == found.shape:
                operands.append(found)
    for c in "abcdef":
        sizes.setdefault(c, extent())
    for term in terms[len(operands):]:
        shape = sum((sizes["..."] if c == "." else [sizes[c]] for c in term), [])
        operands.append(g.shaped(shape, operands[0].dtype if operands else None))
    g.do("einsum", lambda e, xs: torch.einsum(e, *xs), equation, operands)


# ---- Linear algebra

@maker("trace")
def _(g):
    # The gradient of PyTorch's own trace is wrong for more rows than columns.
    g.do("trace", lambda x: x.diagonal().sum(), g.pick(2))


@maker("tril", "triu")
def _(g, name):
    g.do(name, getattr(torch, name), g.pick([2, 3, 4]), rng.randint(-2, 2))


def regular(g):
    """Square matrices that are far from singular."""
    n = rng.randint(1, 4)
    if rng.random() < 0.5:
        v = g.pick([2, 3, 4], lambda v: v.shape[-1] == v.shape[-2] and has_elements(v))
    else:
        v = g.shaped(rng.choice([[n, n], [n, n], [2, n, n]]))
    def holds(x):
        return bool((torch.linalg.cond(x.double()) < 20).all() and (torch.linalg.svdvals(x.double()) > 0.2).all())
    return bring(g, v, holds, lambda g, v: g.do("add", torch.add, v, 3 * torch.eye(v.shape[-1], dtype=v.dtype)))


@maker("inverse", "det")
def _(g, name):
    g.do(name, {"inverse": torch.linalg.inv, "det": torch.linalg.det}[name], regular(g))


@maker("solve")
def _(g):
    a = regular(g)
    b = g.shaped(rng.choice([a.shape[:-1] + [extent()], a.shape[:-1]]), a.dtype)
    def f(a, b):  # PyTorch's backward fails for some vectors
        vector = b.dim() == 1 or b.shape == a.shape[:-1]
        return torch.linalg.solve(a, b.unsqueeze(-1)).squeeze(-1) if vector else torch.linalg.solve(a, b)
    g.do("solve", f, a, b)


@maker("cholesky")
def _(g):
    a = regular(g)
    square = g.do("matmul", torch.matmul, a, g.do("transpose", torch.transpose, a, -1, -2))
    g.do("cholesky", torch.linalg.cholesky, g.do("mul", torch.mul, square, 0.25) if rng.random() < 0.3 else square)


def squares(g, values):
    """Makes what qr and svd give unique: signs are not."""
    for v in values:
        v.hidden = True
        g.do("square", torch.square, v)


@maker("qr")
def _(g):
    v = g.pick([2, 3], lambda v: has_elements(v) and v.depth + 2 <= g.limit)
    k = min(v.shape[-2:])
    require(bool((torch.linalg.cond(v.array[..., :k].double()) < 20).all()))
    squares(g, g.do("qr", torch.linalg.qr, v))


@maker("svd")
def _(g):
    v = g.pick([2, 3], lambda v: has_elements(v) and v.depth + 2 <= g.limit)
    s = torch.linalg.svdvals(v.array.double())
    require(bool((s > 0.25).all()) and (s.shape[-1] < 2 or bool((s.diff(dim=-1).abs() > 0.25).all())))
    u, s, vt = g.do("svd", lambda x: torch.linalg.svd(x, full_matrices=False), v)
    squares(g, [u, vt])
