"""The meta-batches and initial weights on which all contenders step."""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np

from experiments.benchmarks import worker

WAYS = 20
IMAGE_SHAPE = (28, 28, 1)
FILTERS = 64
MLP_SIZES = (1, 40, 40, 1)
# Rows and columns of the matrices that measure the machine.
MATMUL_SIZE = 2048
_SINUSOID_SHOTS = 10


@dataclasses.dataclass(frozen=True)
class Job(worker.Job):
    """What a contender is to do: outer steps.

    Attributes:
        network: `"conv4"` or `"mlp"`.
        inner_steps: gradient steps of the inner loop.
        inner_learning_rate: their step size.
        outer_learning_rate: learning rate of Adam.
        episodes: the meta-batch `(support_x, support_y, query_x, query_y)`,
            each `[tasks, ...]`.
        weights: initial values, in tfmeta's order and layout. The contender
            computes in their precision, and returns the meta-batch's gradient
            in their order and layout.
    """

    network: str
    inner_steps: int
    inner_learning_rate: float
    outer_learning_rate: float
    episodes: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]


class Problem(NamedTuple):
    """What to train on, and from where.

    Attributes:
        episodes: `(support_x, support_y, query_x, query_y)`, `[tasks, ...]`.
        weights: initial values in the order and layout of the Keras network.
        inner_learning_rate: step size of the inner loop.
    """

    episodes: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    inner_learning_rate: float


def make(network: str, *, tasks: int, dtype: str = "float32") -> Problem:
    """Draws a problem; the same numbers at each call.

    Args:
        network: `"conv4"`: 20-way 1-shot tasks of random images with one query
            of each class; `"mlp"`: sinusoids, 10 support and 10 query points
            (Finn et al. 2017, section 5.1).
        tasks: number of tasks in the meta-batch.
        dtype: of inputs, targets and weights.
    """
    rng = np.random.default_rng(0)
    if network == "conv4":
        episodes, weights, rate = _images(rng, tasks), _conv4_weights(rng), 0.1
    else:
        episodes, weights, rate = (
            _sinusoids(rng, tasks),
            _mlp_weights(rng),
            0.01,
        )
    return Problem(
        tuple(
            array if array.dtype == np.int32 else array.astype(dtype)
            for array in episodes
        ),
        tuple(weight.astype(dtype) for weight in weights),
        rate,
    )


def _images(rng, tasks: int) -> tuple[np.ndarray, ...]:
    labels = np.tile(np.arange(WAYS, dtype=np.int32), (tasks, 1))
    support_x, query_x = (
        rng.random((tasks, WAYS, *IMAGE_SHAPE)) for _ in range(2)
    )
    return support_x, labels, query_x, labels


def _sinusoids(rng, tasks: int) -> tuple[np.ndarray, ...]:
    amplitude = rng.uniform(0.1, 5, (tasks, 1, 1))
    phase = rng.uniform(0, np.pi, (tasks, 1, 1))
    arrays = []
    for _ in range(2):
        x = rng.uniform(-5, 5, (tasks, _SINUSOID_SHOTS, 1))
        arrays += [x, amplitude * np.sin(x - phase)]
    return tuple(arrays)


def _conv4_weights(rng) -> tuple[np.ndarray, ...]:
    weights = []
    channels, size = IMAGE_SHAPE[-1], IMAGE_SHAPE[0]
    for _ in range(4):
        weights += [
            _glorot_uniform(rng, (3, 3, channels, FILTERS)),
            np.ones(FILTERS),
            np.zeros(FILTERS),
        ]
        channels, size = FILTERS, -(-size // 2)
    weights += [
        _glorot_uniform(rng, (size * size * FILTERS, WAYS)),
        np.zeros(WAYS),
    ]
    return tuple(weights)


def _mlp_weights(rng) -> tuple[np.ndarray, ...]:
    weights = []
    for shape in itertools.pairwise(MLP_SIZES):
        weights += [
            _glorot_uniform(rng, shape),
            np.zeros(shape[1]),
        ]
    return tuple(weights)


def _glorot_uniform(rng, shape: tuple[int, ...]) -> np.ndarray:
    window = np.prod(shape[:-2])
    limit = np.sqrt(6 / (window * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape)
