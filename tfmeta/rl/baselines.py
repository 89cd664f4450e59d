"""What is expected of states: what advantages are measured from."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta.functional import dense_chain
from tfmeta.gradients import batched
from tfmeta.layers import arguments
from tfmeta.optimizers import descent
from tfmeta.rl import minibatches, mirror, policies


class LinearBaseline:
    """Expected returns as a linear function of features of time and state.

    The features of Duan et al. (2016, appendix), with o the observation clipped
    to [-10, 10] and t the step in hundreds: `o, o^2, t, t^2, t^3, 1`. Each task
    has coefficients of its own, fitted anew to each batch by least squares with
    a ridge.

    Args:
        ridge: weight of the squared coefficients.

    Raises:
        InputError: if `ridge` is not positive.
    """

    def __init__(self, ridge: float = 1e-5):
        arguments.check_positive(ridge=ridge)
        self._ridge = ridge
        self._coefficients: np.ndarray | None = None

    def fit(
        self, observations: np.ndarray, times: np.ndarray, returns: np.ndarray
    ) -> None:
        """Fits returns.

        Args:
            observations: `[..., steps, size]`; leading axes are of tasks.
            times: number of the step in its episode, from 0, `[..., steps]`.
            returns: `[..., steps]`.
        """
        features = _features(observations, times)
        transposed = np.swapaxes(features, -1, -2)
        self._coefficients = np.linalg.solve(
            transposed @ features + self._ridge * np.eye(features.shape[-1]),
            transposed @ np.asarray(returns, float)[..., np.newaxis],
        )

    def __call__(
        self, observations: np.ndarray, times: np.ndarray
    ) -> np.ndarray:
        """Returns what is expected, `[..., steps]`; zeros before a fit.

        Args:
            observations: `[..., steps, size]`.
            times: `[..., steps]`.
        """
        if self._coefficients is None:
            return np.zeros(np.shape(times))
        return (_features(observations, times) @ self._coefficients)[..., 0]


class NetworkBaseline:
    """Expected returns as a network's, one for all tasks.

    It learns by the squared error, with one gradient for each task where the
    optimizer asks for it.

    Attributes:
        network: from observations `[batch, size]` to `[batch, 1]`.
        optimizer: what trains it.

    Args:
        observation_size: numbers in an observation.
        tasks: number of tasks.
        optimizer: of Keras, or of task gradients.
        hidden: units of the hidden layers, with tanh.
        passes: how it passes through a batch.
        jit_compile: whether XLA compiles the steps.
    """

    def __init__(
        self,
        observation_size: int,
        tasks: int,
        optimizer: keras.optimizers.Optimizer,
        *,
        hidden: Sequence[int],
        passes: minibatches.Passes,
        jit_compile: bool = True,
    ):
        self.network = policies.perceptron(
            observation_size, 1, hidden, activation="tanh", name="baseline"
        )
        self.optimizer = optimizer
        self._tasks = tasks
        self._passes = passes
        self._run = dense_chain.DenseChain(self.network)
        self._mirror = mirror.Mirror(self.network)
        self._descent = descent.Descent(optimizer)
        self._descent.prepare(self.network.trainable_variables, tasks)
        self._fit = tf.function(
            self._make_steps, autograph=False, jit_compile=jit_compile
        )

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Returns what is expected, `[tasks, steps]`.

        Args:
            observations: `[tasks, steps, size]`.
        """
        self._mirror.refresh()
        return self._mirror(observations)[..., 0]

    def fit(
        self, observations: np.ndarray, returns: np.ndarray, seed: tf.Tensor
    ) -> None:
        """Learns from returns.

        Args:
            observations: `[tasks, steps, size]`.
            returns: `[tasks, steps]`.
            seed: `[2]` int64, fixes the order in which rows are taken.
        """
        self._fit(
            tf.constant(observations, tf.float32),
            tf.constant(returns, tf.float32),
            seed,
        )

    def _make_steps(self, observations, returns, seed):
        def step(rows):
            seen, wanted = rows

            def losses(weights):
                errors_of = self._run(weights, seen)[..., 0] - wanted
                return tf.reduce_mean(errors_of**2, -1), ()

            descent.descend(
                batched.BatchedPass(
                    losses,
                    self.network.trainable_variables,
                    self._tasks,
                    by_task=self._descent.makes_task_gradients,
                ),
                self._descent,
            )
            return ()

        self._passes.run(step, (observations, returns), seed)


def _features(observations: np.ndarray, times: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(observations, float), -10, 10)
    time = np.asarray(times, float)[..., np.newaxis] / 100
    return np.concatenate(
        [clipped, clipped**2, time, time**2, time**3, np.ones_like(time)],
        axis=-1,
    )
