"""What random calls and random graphs share: the source of randomness, shapes for a view, and the text of operands."""

import random

import torch

DTYPES = {
    "bool": torch.bool, "uint8": torch.uint8, "int32": torch.int32, "int64": torch.int64,
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

rng = random.Random()


def factors(n, most):
    """A shape of n elements and at most `most` extents, one of which may be -1."""
    if n == 0:
        return rng.choice([[0], [0, 3], [2, 0]])
    shape = []
    while n > 1:
        d = rng.choice([d for d in range(1, n + 1) if n % d == 0])
        shape.append(d)
        n //= d
    shape = shape or rng.choice([[], [1], [1, 1]])
    if shape and rng.random() < 0.4:
        shape[rng.randrange(len(shape))] = -1
    return shape[:most]


def array_text(x, numbers_text):
    """An array with its layout: the elements of its storage that it reaches, each as numbers_text has them."""
    size = x.storage_offset() + 1 + sum((e - 1) * s for e, s in zip(x.shape, x.stride())) if x.numel() else 0
    values = x.as_strided([size], [1], 0) if size else x.new_empty([0])
    offset = x.storage_offset() if size else 0
    words = ["T", NAMES[x.dtype], x.dim(), *x.shape, *x.stride(), offset, size, *numbers_text(values)]
    return " ".join(map(str, words))


def plain_text(a, float_text):
    """An argument that is no array and no list of them."""
    if a is None:
        return "N"
    if isinstance(a, bool):
        return "B %d" % a
    if isinstance(a, int):
        return "I %d" % a
    if isinstance(a, float):
        return "F " + float_text(a)
    if isinstance(a, torch.dtype):
        return "D " + NAMES[a]
    if isinstance(a, str):
        return "S " + a
    return " ".join(map(str, ["L", len(a), *a]))


def result_text(x, numbers_text):
    return " ".join(map(str, [NAMES[x.dtype], x.dim(), *x.shape, *numbers_text(x)]))
