"""Whether the conditions of Theorem 2 imply what it says."""

from typing import NamedTuple

import numpy as np

from tfmeta import training


class Theorem2(NamedTuple):
    """How random pairs of losses fared.

    Attributes:
        pairs: how many were drawn.
        conditions_met: how many met the theorem's conditions.
        conclusion_holds: for how many of these PCGrad's step was no worse.
        conclusion_holds_otherwise: the share of the others for which it was.
    """

    pairs: int
    conditions_met: int
    conclusion_holds: int
    conclusion_holds_otherwise: float


def check_theorem_2(pairs: int, seed: int) -> Theorem2:
    """Tries Theorem 2 on random convex quadratic losses of 3 variables.

    With `L = L1 + L2`, gradients g1, g2, cosine cos, magnitude similarity Phi,
    `xi` their curvature bounding measure, L's gradient Lipschitz with constant
    `lip`, and `H(L) >= l |g|^2`, one step of rate t of PCGrad ends no higher
    than one of gradient descent if (a) cos <= -Phi, (b) l >= xi lip and (c) t
    >= 2 / (l - xi lip).

    Args:
        pairs: number of pairs of losses.
        seed: of the random draws.

    Returns:
        The counts.
    """
    rng = np.random.default_rng(seed)
    size = 3
    factors = rng.normal(size=(pairs, size, size))
    # Of all conditionings: where L is nearly round, (b) can hold.
    shift = 10 ** rng.uniform(-2, 2, (pairs, 1, 1))
    hessian = factors @ factors.swapaxes(1, 2) + shift * np.eye(size)
    first = rng.normal(size=(pairs, size))
    # Conflicting and unlike in length, more often than random ones.
    opposite = -first * 10 ** rng.uniform(-2, 2, (pairs, 1))
    second = opposite + rng.normal(size=(pairs, size)) * rng.uniform(
        0, 1, (pairs, 1)
    )
    total = first + second
    jacobians = np.stack((first, second), 1)
    statistics = training.conflict_statistics(
        jacobians @ jacobians.swapaxes(1, 2)
    )
    cosine, similarity, bound = (values[:, 0, 1] for values in statistics)
    lipschitz = np.linalg.eigvalsh(hessian)[:, -1]
    curvature = _quadratic_form(hessian, total) / (total**2).sum(1)
    slack = curvature - bound * lipschitz
    rate = 10 ** rng.uniform(-3, 3, pairs)
    met = (cosine <= -similarity) & (slack > 0)
    with np.errstate(divide="ignore"):
        met &= rate >= 2 / slack
    # In closed form: L(theta - t d) - L(theta) = -t d.g + t^2 d.A d / 2.
    projected = np.stack(
        [_project(first, second), _project(second, first)]
    ).sum(0)

    def change(direction):
        return (
            -rate * (direction * total).sum(1)
            + rate**2 * _quadratic_form(hessian, direction) / 2
        )

    holds = change(projected) <= change(total)
    return Theorem2(
        pairs=pairs,
        conditions_met=int(met.sum()),
        conclusion_holds=int((holds & met).sum()),
        conclusion_holds_otherwise=float(holds[~met].mean()),
    )


def _quadratic_form(matrices, vectors):
    return np.einsum("ni,nij,nj->n", vectors, matrices, vectors)


def _project(gradient, other):
    """Projects gradients that conflict onto the others' normal planes."""
    products = np.minimum((gradient * other).sum(1, keepdims=True), 0)
    return gradient - products / (other**2).sum(1, keepdims=True) * other
