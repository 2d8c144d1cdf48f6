"""Optimizers that PyTorch 1.13 does not have, in double precision, from their papers."""

import torch


class Reference(torch.optim.Optimizer):
    """Calls rule(parameter, gradient, state, options) with each parameter that has a gradient."""

    def __init__(self, groups, **defaults):
        super().__init__(groups, {**self.defaults_of_paper, **defaults})

    def step(self, closure):
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.copy_(self.rule(p.clone(), p.grad.clone(), self.state[p], group))
        return loss


class Lion(Reference):
    """Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2."""

    defaults_of_paper = {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0}

    def rule(self, theta, g, state, options):
        beta1, beta2 = options["betas"]
        m = state.get("m", torch.zeros_like(theta))
        c = beta1 * m + (1 - beta1) * g
        state["m"] = beta2 * m + (1 - beta2) * g
        return theta - options["lr"] * (torch.sign(c) + options["weight_decay"] * theta)


class Muon(Reference):
    """Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Its momentum is B = mu B + G; what
    the orthogonalization makes of it does not depend on the factor 1 - mu that averages have."""

    defaults_of_paper = {"lr": 1e-3, "momentum": 0.95, "nesterov": True, "weight_decay": 0.1}

    def rule(self, w, g, state, options):
        mu = options["momentum"]
        b = mu * state.get("b", torch.zeros_like(w)) + g
        state["b"] = b
        o = g + mu * b if options["nesterov"] else b
        rows, columns = w.shape
        scale = max(1.0, rows / columns) ** 0.5
        return w - options["lr"] * (options["weight_decay"] * w + scale * self.orthogonalized(o))

    @staticmethod
    def orthogonalized(matrix):
        """The odd polynomial a s + b s^3 + c s^5, five times, of the singular values s of the matrix, which its singular
        vectors then put together again."""
        u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
        s = s / s.square().sum().sqrt()
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        return u @ torch.diag(s) @ vt


REFERENCES = {"Lion": Lion, "Muon": Muon}
