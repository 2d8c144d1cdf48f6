"""Random calls of matrix products and linear algebra."""

import torch

from cases import *  # the vocabulary of all makers


def product(name, shapes, dtypes=("float32", "float64", "int64", "int32"), tolerance=1e-4, f=None, extra=lambda: []):
    def make():
        dtype = rng.choice(dtypes)
        return [array(dtype, s, "real") for s in shapes()] + extra(), f or getattr(torch, name)
    op(name, tolerance)(make)


def matmul_shapes():
    k = size()
    batch = extents(rank=rng.randint(0, 2), largest=3)
    a, b = [batch + [size(), k], [k], batch[-1:] + [size(), k]], [batch + [k, size()], [k], [k, size()]]
    return rng.choice(a), rng.choice(b)


product("matmul", matmul_shapes)
product("bmm", lambda: (lambda b, m, k, n: ([b, m, k], [b, k, n]))(size(), size(), size(), size()))
product("mm", lambda: (lambda m, k, n: ([m, k], [k, n]))(size(), size(), size()))
product("mv", lambda: (lambda m, k: ([m, k], [k]))(size(), size()))
product("dot", lambda: (lambda k: ([k], [k]))(size()))
product("outer", lambda: ([size()], [size()]))
product("addmm", lambda: (lambda m, k, n: (rng.choice([[n], [m, n], [1, n], [m, 1]]), [m, k], [k, n]))(size(), size(), size()),
        WIDE, f=lambda c, a, b, beta, alpha: torch.addmm(c, a, b, beta=beta, alpha=alpha),
        extra=lambda: [rng.choice([1, 0.5, 2]), rng.choice([1, 0.5, -1])])
product("linear", lambda: (lambda i, o: (extents(rank=rng.randint(0, 2), largest=3) + [i], [o, i], [o]))(size(), size()),
        WIDE, f=torch.nn.functional.linear)


@op("einsum", 1e-4)
def _():
    sizes = {c: rng.randint(1, 4) for c in "abcdefg"}
    equation = rng.choice([
        "ab,bc->ac", "ab,bc", "a,b->ab", "aa->a", "aa", "aab->b", "abc->cab", "ab->", "abc,cd,de->abe", "ab,ab->", "ab,ab",
        "bac,bcd->bad", "ba", "...ab,...bc->...ac", "...a->...", "a...,a->...", "ab,cb,c->a", "abcd,efcd->abef", "a,a,a->a",
        "aab,bcc->ac", "a...b->b...a", "...,...->...",
    ])
    batch = [rng.randint(1, 3) for _ in range(rng.randint(0, 2))]
    operands = []
    for term in equation.split("->")[0].split(","):
        shape = []
        for c in term.replace("...", "."):
            shape += [e if rng.random() < 0.8 else 1 for e in batch] if c == "." else [sizes[c]]
        operands.append(array("float64", shape, "real"))
    dtypes = WIDE + ["int64"]
    # PyTorch refuses a product of two dtypes, one of which is int64 by a sum. Here it is one of int64.
    if len(operands) == 1 or equation in ("ab,bc->ac", "a,b->ab", "ab,ab->", "bac,bcd->bad"):
        dtypes += ["int32", "uint8"]
    if len(operands) == 1 or equation == "a,b->ab":
        dtypes.append("bool")
    dtype = DTYPES[rng.choice(dtypes)]
    return [equation, [x.to(dtype) for x in operands]], lambda e, xs: torch.einsum(e, *xs)


@op("trace", 1e-5)
def _():
    return [array(rng.choice(["float32", "float64", "int64", "int32"]), extents(rank=2, low=0), "real")], torch.trace


for _name in ("tril", "triu"):
    def _make(name=_name):
        return [array(rng.choice(ALL), extents(rank=rng.randint(2, 3))), rng.randint(-3, 3)], getattr(torch, name)
    op(_name)(_make)


def square_matrix(n=None, definite=False):
    n = n or rng.randint(1, 5)
    x = torch.randn(*extents(rank=rng.randint(0, 2), largest=2, low=0)[:2], n, n,
                    generator=torch.Generator().manual_seed(rng.randrange(1 << 30)), dtype=torch.float64)
    x = x @ x.transpose(-1, -2) + 0.5 * torch.eye(n, dtype=torch.float64) if definite else x + 3 * torch.eye(n, dtype=torch.float64)
    return x.to(DTYPES[rng.choice(WIDE)])


op("cholesky", 1e-3)(lambda: ([square_matrix(definite=True)], torch.linalg.cholesky))
op("inverse", 1e-2)(lambda: ([square_matrix()], torch.linalg.inv))
op("det", 1e-3)(lambda: ([square_matrix()], torch.linalg.det))
op("qr_product", 1e-4)(lambda: ([square_matrix()], lambda x: [x.clone(), torch.eye(x.shape[-1], dtype=x.dtype).expand(x.shape)]))
op("svd_values", 1e-4)(lambda: ([square_matrix()], lambda x: [torch.linalg.svdvals(x), x.clone()]))


@op("solve", 1e-2)
def _():
    a = square_matrix()
    b = array(a.dtype, list(a.shape[:-1]) + [rng.randint(1, 3)], "real")
    return [a, b], torch.linalg.solve
