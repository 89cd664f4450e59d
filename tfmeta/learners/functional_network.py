"""A Keras network as a pure function of its weights and random seeds."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors

POSTERIOR_DRAWS = ("task", "meta_batch", "call")

# Normalizations whose variance is that of tf.nn.moments, which stops a
# gradient on the way: their second derivatives are wrong.
_WRONG_SECOND_DERIVATIVE = (
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


class Pass(NamedTuple):
    """How a network is run during one task.

    Attributes:
        training: whether stochastic layers draw (True) or are silent (False).
        seeds: `[calls, seed states, 2]`, the network's random state at each of
            the task's calls, or None where nothing is drawn.
    """

    training: bool
    seeds: tf.Tensor | None = None


class FunctionalNetwork:
    """Runs a network on weights given as tensors; assigns no variable.

    A draw of theta is a seed: every stochastic layer (a variational layer,
    Dropout) keeps a `keras.random.SeedGenerator`, whose state is a variable of
    the network. The same state gives the same draw.

    Args:
        network: a built Keras model.
        second_order: whether second derivatives of the network are needed.

    Raises:
        InputError: if the network is not built, has nothing to train, or
            holds layers that cannot be run so.
    """

    def __init__(self, network: keras.Model, *, second_order: bool):
        _check_network(network, second_order)
        self._network = network
        self._seed_states = [
            index
            for index, variable in enumerate(network.non_trainable_variables)
            if is_seed_state(variable)
        ]

    @property
    def is_stochastic(self) -> bool:
        """Whether any layer of the network draws random numbers."""
        return bool(self._seed_states)

    def __call__(
        self,
        weights: list[tf.Tensor],
        inputs: tf.Tensor,
        run: Pass,
        call: int = 0,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Runs the network.

        Args:
            weights: values for the network's trainable variables.
            inputs: `[batch, ...]`.
            run: how to run it.
            call: which of the task's calls this is, an index into `run.seeds`.

        Returns:
            Predictions `[batch, ...]` in the weights' dtype, and the losses
            that the network's layers added.
        """
        state = [
            tf.convert_to_tensor(variable)
            for variable in self._network.non_trainable_variables
        ]
        if run.seeds is not None:
            for number, index in enumerate(self._seed_states):
                state[index] = tf.cast(
                    run.seeds[call, number], state[index].dtype
                )
        predictions, _, losses = self._network.stateless_call(
            weights, state, inputs, training=run.training, return_losses=True
        )
        dtype = weights[0].dtype
        return tf.cast(predictions, dtype), [
            tf.cast(loss, dtype) for loss in losses
        ]

    def draw_seeds(
        self,
        seed: tf.Tensor,
        *,
        tasks: tf.Tensor,
        calls: int,
        posterior_draw: str,
    ) -> tf.Tensor:
        """Draws the random states of all calls of a meta-batch.

        Args:
            seed: `[2]`.
            tasks: number of tasks.
            calls: how often a task calls the network.
            posterior_draw: what shares one draw, one of `POSTERIOR_DRAWS`.

        Returns:
            `[tasks, calls, seed states, 2]`, for `Pass.seeds` of each task.
        """
        drawn_tasks = 1 if posterior_draw == "meta_batch" else tasks
        drawn_calls = calls if posterior_draw == "call" else 1
        states = len(self._seed_states)
        seeds = tf.random.stateless_uniform(
            (drawn_tasks, drawn_calls, states, 2),
            seed=tf.cast(seed, tf.int32),
            minval=None,
            maxval=None,
            dtype=tf.int32,
        )
        return tf.broadcast_to(seeds, (tasks, calls, states, 2))


def is_seed_state(variable: keras.Variable) -> bool:
    """Tells the state of a `keras.random.SeedGenerator` by its name."""
    return variable.name == "seed_generator_state"


def _check_network(network: keras.Model, second_order: bool) -> None:
    if not network.built:
        raise errors.InputError(
            f"network={network.name!r} is not built: give it an Input, or call "
            "it once"
        )
    if not network.trainable_variables:
        raise errors.InputError(
            f"network={network.name!r} has no trainable weights"
        )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            raise errors.InputError(
                f"network={network.name!r} holds {layer.name!r}, a "
                "BatchNormalization, whose moving averages no inner loop "
                "updates: use tfmeta.layers.TaskBatchNormalization"
            )
        if second_order and isinstance(layer, _WRONG_SECOND_DERIVATIVE):
            raise errors.InputError(
                f"network={network.name!r} holds {layer.name!r}, a "
                f"{type(layer).__name__}, whose second derivatives are wrong "
                "in TensorFlow: use tfmeta.layers.TaskLayerNormalization or "
                "first_order=True"
            )
        if layer.compute_dtype == "float16":
            raise errors.InputError(
                f"network={network.name!r} computes {layer.name!r} in float16, "
                "in which inner gradients underflow, for loss scaling reaches "
                "the outer loop alone: use mixed_bfloat16"
            )
