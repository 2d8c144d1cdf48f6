"""Random calls of the losses, as modules and, under "F." and their names, as functions."""

import torch
from torch import nn
from torch.nn import functional as F

from layer_calls import both, choices, extents, normal, rng, some, uniform


def reduction(*more):
    return rng.choice(["mean", "sum", "none", *more])


def pair(**options):
    def make():
        settings = {k: v() for k, v in options.items()}
        shape = extents(0, 3)
        return some(reduction=reduction(), **settings), [normal(*shape), normal(*shape)]
    return make


both("MSELoss", nn.MSELoss, F.mse_loss, pair())
both("L1Loss", nn.L1Loss, F.l1_loss, pair())
both("SmoothL1Loss", nn.SmoothL1Loss, F.smooth_l1_loss, pair(beta=lambda: rng.choice([0.0, 0.3, 2.0])))
both("HuberLoss", nn.HuberLoss, F.huber_loss, pair(delta=lambda: rng.uniform(0.1, 2)))


def labelled(probabilities):
    """Logits, and labels with some that are ignored, or probabilities."""
    classes = rng.randint(1, 5)
    shape = rng.choice([[], [rng.randint(1, 5)], [2, 3], [2, 2, 3]])
    logits = normal(*(shape[:1] + [classes] + shape[1:])) if shape else normal(classes)
    if probabilities:
        return classes, logits, uniform(0, 1, *logits.shape)
    labels = choices(range(classes), *shape, of=torch.int64)
    return classes, logits, labels


def cross_entropy_call():
    probabilities = rng.random() < 0.3
    classes, logits, target = labelled(probabilities)
    settings = some(reduction=reduction(), label_smoothing=rng.uniform(0, 0.9), weight=uniform(0.2, 2, classes))
    if not probabilities and rng.random() < 0.5:
        settings["ignore_index"] = rng.choice([-100, 0, classes - 1, -1])
        if settings["ignore_index"] < 0 and target.dim() and rng.random() < 0.7:
            target[rng.randrange(target.shape[0])] = settings["ignore_index"]
    if rng.random() < 0.5:
        dim = settings["class_dim"] = rng.randrange(-logits.dim(), logits.dim())
        if logits.dim() > 1:
            logits = logits.movedim(1, dim)
            target = target.movedim(1, dim) if probabilities else target
    return settings, [logits, target]


class CrossEntropyLoss(nn.CrossEntropyLoss):
    """PyTorch's classes are always in dimension 1, or the only one."""
    def __init__(self, class_dim=1, **settings):
        super().__init__(**settings)
        self.class_dim = class_dim

    def forward(self, logits, target):
        return super().forward(*classes_second(logits, target, self.class_dim))


def classes_second(logits, target, class_dim):
    if logits.dim() == 1:
        return logits, target
    return logits.movedim(class_dim, 1), target.movedim(class_dim, 1) if target.is_floating_point() else target


def cross_entropy(logits, target, class_dim=1, **settings):
    return F.cross_entropy(*classes_second(logits, target, class_dim), **settings)


def nll():
    classes, logits, target = labelled(False)
    settings = some(reduction=reduction(), weight=uniform(0.2, 2, classes))
    if rng.random() < 0.5:
        settings["ignore_index"] = rng.choice([-100, 0, -1])
        if settings["ignore_index"] < 0 and target.dim() and rng.random() < 0.7:
            target[rng.randrange(target.shape[0])] = settings["ignore_index"]
    return settings, [logits, target]


def binary():
    shape = extents(1, 3)
    settings = some(reduction=reduction(), weight=uniform(0.2, 2, *shape[rng.randint(0, len(shape)):]))
    x = uniform(0.01, 0.99, *shape)
    if rng.random() < 0.2:
        x = choices([0.0, 1.0, 0.5], *shape)
    return settings, [x, choices([0.0, 1.0, 0.3], *shape)]


def binary_with_logits():
    shape = extents(1, 3)
    cut = rng.randint(0, len(shape))
    settings = some(reduction=reduction(), weight=uniform(0.2, 2, *shape), pos_weight=uniform(0.2, 3, *shape[cut:]))
    x = normal(*shape, scale=rng.choice([1, 40])) * choices([0.0, 1.0, 1.0], *shape)
    return settings, [x, choices([0.0, 1.0, 0.3], *shape)]


both("CrossEntropyLoss", CrossEntropyLoss, cross_entropy, cross_entropy_call)
both("NLLLoss", nn.NLLLoss, F.nll_loss, nll)
both("BCELoss", nn.BCELoss, F.binary_cross_entropy, binary)
both("BCEWithLogitsLoss", nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, binary_with_logits)


def kl():
    shape = extents(1, 3)
    log_target = rng.random() < 0.5
    target = normal(*shape) if log_target else uniform(0, 1, *shape)
    if not log_target and rng.random() < 0.3:
        target = choices([0.0, 0.5, 1.0], *shape)
    settings = some(reduction=reduction("batchmean"))
    settings["log_target"] = log_target
    # Where the target is 0, PyTorch's gradient of it is not a number.
    return settings, [normal(*shape), target], 2 if log_target else 1


def poisson():
    shape = extents(0, 3)
    log_input = rng.random() < 0.6
    settings = dict(some(reduction=reduction(), full=rng.random() < 0.5, eps=1e-3), log_input=log_input)
    return settings, [normal(*shape) if log_input else uniform(0, 3, *shape), uniform(0, 4, *shape)]


def gaussian():
    shape = extents(1, 3)
    variance = rng.choice([shape, shape[:-1] + [1], shape[:-1]])
    settings = some(reduction=reduction(), full=rng.random() < 0.5, eps=0.2)
    return settings, [normal(*shape), normal(*shape), uniform(0, 2, *variance)]


both("KLDivLoss", nn.KLDivLoss, F.kl_div, kl)
both("PoissonNLLLoss", nn.PoissonNLLLoss, F.poisson_nll_loss, poisson)
both("GaussianNLLLoss", nn.GaussianNLLLoss, F.gaussian_nll_loss, gaussian)


def signs(*shape):
    return choices([-1.0, 1.0], *shape)


def hinge():
    shape = extents(0, 3)
    return some(reduction=reduction(), margin=rng.uniform(-1, 2)), [normal(*shape), signs(*shape)]


def cosine():
    n, d = rng.randint(1, 4), rng.randint(2, 5)
    shape = rng.choice([[n], []])
    return some(reduction=reduction(), margin=rng.uniform(-0.9, 0.9)), [
        normal(*shape, d), normal(*shape, d), signs(*shape)]


def ranking():
    shape = extents(1, 3)
    return some(reduction=reduction(), margin=rng.uniform(-1, 2)), [normal(*shape), normal(*shape), signs(*shape)]


def triplet():
    shape = extents(0, 2) + [rng.randint(2, 5)]
    settings = some(reduction=reduction(), margin=rng.uniform(0.1, 2), p=rng.choice([1.0, 2.0, 3.0]), eps=1e-3,
                    swap=rng.random() < 0.5)
    return settings, [normal(*shape) for _ in range(3)]


both("HingeEmbeddingLoss", nn.HingeEmbeddingLoss, F.hinge_embedding_loss, hinge)
both("CosineEmbeddingLoss", nn.CosineEmbeddingLoss, F.cosine_embedding_loss, cosine)
both("MarginRankingLoss", nn.MarginRankingLoss, F.margin_ranking_loss, ranking)
both("TripletMarginLoss", nn.TripletMarginLoss, F.triplet_margin_loss, triplet)
