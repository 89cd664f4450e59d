r"""Why gradient surgery works: the tragic triad, and Theorem 2.

Conflicting gradients, high curvature and unequal magnitudes stop gradient
descent on a sum of two losses in a valley that PCGrad walks through. Draws the
trajectories of Adam and of Adam with PCGrad on the landscape of Yu et al. 2020
(figure 1, appendix D), and counts on random quadratics whether the theorem's
conditions imply what it says.

    ./bazelw run //experiments:tragic_triad
"""

import pathlib
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from experiments import run_folder
from experiments.figures import drawing
from experiments.run import cli
from tfmeta.optimizers import (
    linear_scalarization,
    pcgrad,
    task_gradient_optimizer,
)
from tfmeta.training import conflict_monitor

_STEPS = flags.DEFINE_integer(
    "steps", 500_000, "Steps on the landscape.", lower_bound=1
)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 1e-3, "Adam's, on the landscape.", lower_bound=1e-9
)
_QUADRATICS = flags.DEFINE_integer(
    "quadratics",
    1_000_000,
    "Random pairs of quadratic losses to try Theorem 2 on.",
    lower_bound=1,
)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes all that is random.")
_OUT = flags.DEFINE_string("out", "results/tragic_triad", "Folder of the run.")

_START = (0.5, -3.0)
_POINTS = 1000
_METHODS = {
    "Adam": linear_scalarization.LinearScalarization,
    "Adam + PCGrad": pcgrad.PCGrad,
}


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


def landscape(theta) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the two losses of appendix D, "2D Optimization Landscape".

    Args:
        theta: `[..., 2]`.

    Returns:
        Both losses, `[...]`.
    """
    theta = tf.convert_to_tensor(theta)
    first, second = tf.unstack(theta, axis=-1)

    def loss(scale, argument):
        return scale * tf.math.log(tf.maximum(tf.abs(argument), 5e-6))

    return (
        loss(20.0, 0.5 * first + tf.tanh(second)),
        loss(25.0, 0.5 * first - tf.tanh(second) + 2.0),
    )


def descend(
    optimizer: task_gradient_optimizer.TaskGradientOptimizer, steps: int
) -> np.ndarray:
    """Descends the landscape from the paper's start.

    Args:
        optimizer: what to descend with.
        steps: number of steps.

    Returns:
        The trajectory `[points, 2]`, at most 1000 points, evenly spaced.
    """
    theta = tf.Variable(_START)
    optimizer.build([theta])

    # One compiled loop, for the steps are many and tiny.
    @tf.function(jit_compile=True)
    def advance(count):
        for _ in tf.range(count):
            with tf.GradientTape() as tape:
                losses = tf.stack(landscape(theta))
            optimizer.apply_task_gradients(
                [tape.jacobian(losses, theta, experimental_use_pfor=False)],
                [theta],
            )

    stride = -(-steps // _POINTS)
    trajectory = [theta.numpy()]
    for done in range(0, steps, stride):
        advance(tf.constant(min(stride, steps - done)))
        trajectory.append(theta.numpy())
    return np.stack(trajectory)


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
    statistics = conflict_monitor.conflict_statistics(
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


def _draw(trajectories: dict[str, np.ndarray], file: pathlib.Path) -> None:
    pyplot = drawing.load_pyplot()

    points = np.concatenate(list(trajectories.values()))
    low, high = points.min(0), points.max(0)
    margin = 0.15 * (high - low).max() + 0.5
    grid = np.stack(
        np.meshgrid(
            *(
                np.linspace(a - margin, b + margin, 400)
                for a, b in zip(low, high, strict=True)
            )
        ),
        -1,
    ).astype(np.float32)
    first, second = (loss.numpy() for loss in landscape(grid))
    figure, panels = pyplot.subplots(
        1, 3, figsize=(13, 4.2), sharex=True, sharey=True, layout="constrained"
    )
    for axes, values, title in zip(
        panels,
        (first, second, first + second),
        ("task 1", "task 2", "both"),
        strict=True,
    ):
        axes.contour(
            grid[..., 0],
            grid[..., 1],
            values,
            30,
            cmap="Greys",
            linewidths=0.7,
            linestyles="solid",
        )
        for (name, trajectory), color in zip(
            trajectories.items(), ("#d1495b", "#1f5f99"), strict=True
        ):
            axes.plot(*trajectory.T, color=color, label=name)
            axes.plot(*trajectory[-1], "o", color=color)
        axes.plot(*_START, "k*", markersize=10)
        axes.set(title=title, xlabel="theta 1")
    panels[0].set_ylabel("theta 2")
    panels[2].legend()
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def main() -> None:
    """Draws the landscape and checks the theorem."""
    folder = run_folder.RunFolder(
        cli.resolve_path(_OUT.value),
        {
            holder.name: holder.value
            for holder in (_STEPS, _LEARNING_RATE, _QUADRATICS, _SEED)
        },
    )
    trajectories, rows = {}, []
    for name, method in _METHODS.items():
        print(f"{name}: {_STEPS.value} steps ...", flush=True)
        trajectory = descend(
            method(
                keras.optimizers.Adam(_LEARNING_RATE.value), seed=_SEED.value
            ),
            _STEPS.value,
        )
        trajectories[name] = trajectory
        losses = [float(loss) for loss in landscape(trajectory[-1])]
        rows.append(
            {
                "experiment": "tragic_triad",
                "method": name,
                "theta": trajectory[-1].tolist(),
                "losses": losses,
                "loss": sum(losses),
            }
        )
        print(
            f"  ends at ({trajectory[-1][0]:.3f}, {trajectory[-1][1]:.3f}), "
            f"losses {losses[0]:.2f} + {losses[1]:.2f} = {sum(losses):.2f}"
        )
    theorem = check_theorem_2(_QUADRATICS.value, _SEED.value)
    rows.append(
        {
            "experiment": "tragic_triad",
            "method": "Theorem 2",
            **theorem._asdict(),
        }
    )
    print(
        f"Theorem 2: of {theorem.pairs} random pairs {theorem.conditions_met} "
        f"meet its conditions, and it holds for {theorem.conclusion_holds} of "
        f"them; for the others PCGrad's step is no worse in "
        f"{100 * theorem.conclusion_holds_otherwise:.1f} %."
    )
    _draw(trajectories, folder.path / "landscape.png")
    folder.write_results(rows)
    print(f"Wrote landscape.png and results.json to {folder.path}")


if __name__ == "__main__":
    cli.run(main)
