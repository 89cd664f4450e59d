"""Distributions over actions, as functions of what a policy's network says."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors, layers
from tfmeta.functional import dense_chain
from tfmeta.layers import arguments
from tfmeta.rl import mirror

# Of the logarithm of a standard deviation, as in SAC's code.
LOG_SCALES = (-20.0, 2.0)


class SquashedNormal(NamedTuple):
    """A normal distribution whose draws go through the tangent hyperbolic.

    So actions are in (-1, 1) (Haarnoja et al. 2018, appendix C).

    Attributes:
        mean: before it is squashed, `[..., actions]`.
        log_scale: logarithm of the standard deviation, likewise.
    """

    mean: tf.Tensor
    log_scale: tf.Tensor

    @classmethod
    def of(cls, outputs: tf.Tensor) -> "SquashedNormal":
        """Reads the outputs of a network.

        Args:
            outputs: `[..., 2 actions]`, means and logarithms of scales; the
                latter are clipped to `LOG_SCALES`.
        """
        mean, log_scale = tf.split(outputs, 2, axis=-1)
        return cls(mean, tf.clip_by_value(log_scale, *LOG_SCALES))

    def draw(self, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns actions and their log-densities.

        Args:
            noise: standard normal, `[..., actions]`: a draw is a function of
                it, so that gradients go through.

        Returns:
            `[..., actions]` and `[...]`.
        """
        raw = self.mean + tf.exp(self.log_scale) * noise
        of_raw = -0.5 * noise**2 - self.log_scale - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(raw)^2), without loss of digits where it is near 0.
        squashing = 2 * (math.log(2) - raw - tf.nn.softplus(-2 * raw))
        return tf.tanh(raw), tf.reduce_sum(of_raw - squashing, axis=-1)

    def mode(self) -> tf.Tensor:
        """Returns the squashed means, `[..., actions]`."""
        return tf.tanh(self.mean)


class Normal(NamedTuple):
    """A normal distribution with independent parts.

    Attributes:
        mean: `[..., actions]`.
        log_scale: logarithm of the standard deviation, of the same shape or one
            that broadcasts to it.
    """

    mean: tf.Tensor
    log_scale: tf.Tensor

    def log_density(self, actions: tf.Tensor) -> tf.Tensor:
        """Returns the log-densities of actions, `[...]`.

        Args:
            actions: `[..., actions]`.
        """
        standard = (actions - self.mean) * tf.exp(-self.log_scale)
        parts = -0.5 * standard**2 - self.log_scale
        return tf.reduce_sum(parts - 0.5 * math.log(2 * math.pi), axis=-1)

    def entropy(self) -> tf.Tensor:
        """Returns the entropies in nats, `[...]`."""
        parts = self.log_scale + 0.5 * math.log(2 * math.pi * math.e)
        return tf.reduce_sum(parts + tf.zeros_like(self.mean), axis=-1)

    def divergence(self, other: "Normal") -> tf.Tensor:
        """Returns KL(self || other) in nats, `[...]`."""
        difference = self.log_scale - other.log_scale
        distance = (self.mean - other.mean) * tf.exp(-other.log_scale)
        parts = tf.exp(2 * difference) + distance**2 - 1 - 2 * difference
        return 0.5 * tf.reduce_sum(parts, axis=-1)


class NormalPolicy:
    """A policy whose actions are normally distributed about a network's output.

    The standard deviations are the same in all states, as in TRPO and PPO
    (Schulman et al. 2015, 2017). Environments clip actions to [-1, 1].

    Attributes:
        network: from observations `[batch, observation_size]` to means `[batch,
            action_size]`.
        log_scale: logarithms of the standard deviations, `[action_size]`.
        variables: what it learns: those of the network, then `log_scale`.

    Args:
        observation_size: numbers in an observation.
        action_size: numbers in an action.
        hidden: units of the hidden layers, with tanh.
        scale: standard deviation at first.
        scale_bounds: the least standard deviation and the largest.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        hidden: Sequence[int] = (64, 64),
        scale: float = 1.0,
        scale_bounds: tuple[float, float] = (1e-6, 10.0),
    ):
        if not 0 < scale_bounds[0] <= scale <= scale_bounds[1] < math.inf:
            raise errors.InputError(
                f"scale={scale}, scale_bounds={scale_bounds}: expected "
                "positive numbers, the first between the others"
            )
        self.network = perceptron(
            observation_size,
            action_size,
            hidden,
            activation="tanh",
            name="policy",
        )
        self.log_scale = keras.Variable(
            np.full(action_size, math.log(scale)),
            dtype="float32",
            name="log_scale",
        )
        self.variables = [*self.network.trainable_variables, self.log_scale]
        low, high = scale_bounds
        self._log_bounds = math.log(low), math.log(high)
        self._run = dense_chain.DenseChain(self.network)

    def __call__(
        self, weights: Sequence[tf.Tensor], observations: tf.Tensor
    ) -> Normal:
        """Returns the distributions of actions.

        Args:
            weights: values of `variables`, each as it is or with a leading axis
                of tasks.
            observations: `[tasks, batch, observation_size]`.
        """
        *of_network, log_scale = weights
        if len(log_scale.shape) == 2:
            log_scale = log_scale[:, tf.newaxis]
        return Normal(
            self._run(of_network, observations),
            tf.clip_by_value(log_scale, *self._log_bounds),
        )

    def actor(self, weights: Sequence[Any] | None = None) -> "NormalActor":
        """Returns what acts step by step, with the weights as they are now.

        Args:
            weights: as in a call; by default the values of `variables`.
        """
        arrays = [
            np.asarray(weight)
            for weight in (self.variables if weights is None else weights)
        ]
        log_scale = arrays[-1]
        if log_scale.ndim == 2:
            log_scale = log_scale[:, np.newaxis]
        network = mirror.Mirror(self.network)
        network.take(arrays[:-1])
        return NormalActor(
            network, np.exp(np.clip(log_scale, *self._log_bounds))
        )


class NormalActor(NamedTuple):
    """What draws actions of a `NormalPolicy` in NumPy.

    Attributes:
        mean: from observations to means.
        scale: standard deviations, `[action_size]`, or `[tasks, 1,
            action_size]`.
    """

    mean: mirror.Mirror
    scale: np.ndarray

    def draw(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Returns actions, `[tasks, batch, action_size]`.

        Args:
            observations: `[tasks, batch, observation_size]`.
            generator: what draws.
        """
        means = self.mean(observations)
        return means + self.scale * generator.standard_normal(
            means.shape, np.float32
        )


def perceptron(
    inputs: int,
    outputs: int,
    hidden: Sequence[int],
    *,
    activation: str = "relu",
    name: str,
    tasks: int = 1,
    per_task_from: int | None = None,
) -> keras.Model:
    """Builds what agents have by default: a multi-layer perceptron.

    Args:
        inputs: numbers in.
        outputs: numbers out.
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        name: of the model.
        tasks: number of tasks, for `per_task_from`.
        per_task_from: the first layer of which each task has its own weights, 0
            for all, -1 for the last: the model is then from `[batch, tasks,
            inputs]` to `[batch, tasks, outputs]`. None if tasks share all.

    Raises:
        InputError: if a size is not a positive integer, or there is no such
            layer.
    """
    arguments.check_positive_integers(inputs=inputs, outputs=outputs)
    for units in hidden:
        arguments.check_positive_integers(hidden=units)
    count = len(hidden) + 1
    if per_task_from is not None and not -count <= per_task_from < count:
        raise errors.InputError(
            f"per_task_from={per_task_from}: expected the number of a layer, "
            f"{-count} to {count - 1}, or None"
        )
    shared = count if per_task_from is None else per_task_from % count

    def layer(number, units, **settings):
        if number < shared:
            return keras.layers.Dense(units, **settings)
        return layers.TaskDense(units, tasks, **settings)

    return keras.Sequential(
        [
            keras.Input(
                (inputs,) if per_task_from is None else (tasks, inputs)
            ),
            *(
                layer(n, units, activation=activation, name=f"hidden{n + 1}")
                for n, units in enumerate(hidden)
            ),
            layer(len(hidden), outputs, name="head"),
        ],
        name=name,
    )
