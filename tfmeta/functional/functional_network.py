"""A Keras network as a pure function of its weights and random seeds."""

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.variational import estimators, given_weights

POSTERIOR_DRAWS = ("task", "meta_batch", "call")

# Normalizations whose variance is that of tf.nn.moments, which stops a
# gradient on the way: their second derivatives are wrong.
_WRONG_SECOND_DERIVATIVE = (
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


class Seeds(NamedTuple):
    """The random states of a network's layers, for the calls of a task.

    Attributes:
        posteriors: `[calls, layers, 2]`, of the layers that draw weights; one
            call where all share a draw.
        noise: `[calls, layers, 2]`, of the layers whose noise is each example's
            own (Dropout, Flipout, a stochastic bottleneck). It is never shared:
            the same noise for support and query would tell which query stands
            in the place of which support example, and so its label.
    """

    posteriors: tf.Tensor
    noise: tf.Tensor


class Pass(NamedTuple):
    """How a network is run during one task.

    Attributes:
        training: whether stochastic layers draw (True) or are silent (False).
        seeds: of the task's calls, or None where nothing is drawn.
        given: posteriors and draws that layers are to take, or None.
    """

    training: bool
    seeds: Seeds | None = None
    given: given_weights.GivenWeights | None = None


class _Call(keras.Layer):
    """Calls a model, and passes on to its layers what they are given."""

    def __init__(self, model: keras.Model):
        # The model casts its inputs; the default name is none that TensorFlow
        # takes.
        super().__init__(autocast=False, name="given_to_layers")
        self._model = model
        self._register_call_context_args("given")

    def call(self, inputs, training=False):
        return self._model.call(inputs, training=training)

    def _open_name_scope(self):
        # Operations are named as the model alone names them, for TensorFlow
        # adds gradients up in an order that their names decide.
        return contextlib.nullcontext()


class FunctionalNetwork:
    """Runs a network on weights given as tensors; assigns no variable.

    A draw is a seed: every stochastic layer (a variational layer, Dropout)
    keeps a `keras.random.SeedGenerator`, whose state is a variable of the
    network. The same state gives the same draw.

    What is trainable may change between calls: weights are always those of the
    network's variables that are trainable then.

    Args:
        network: a built Keras model.
        part: a model made of some of the network's layers, which is what
            runs; the whole network if None. Weights and seeds are always
            those of the whole network.
    """

    def __init__(self, network: keras.Model, part: keras.Model | None = None):
        self._network = network
        self._model = network if part is None else part
        self._call = _Call(self._model)

    def __call__(
        self,
        weights: Sequence[tf.Tensor | None],
        inputs: Any,
        run: Pass,
        call: int = 0,
    ) -> tuple[Any, list[tf.Tensor]]:
        """Runs the network.

        Args:
            weights: values for the network's trainable variables; None for
                those whose posterior `run` gives.
            inputs: `[batch, ...]`; a list where the model has several.
            run: how to run it.
            call: which of the task's calls this is, for `run.seeds`.

        Returns:
            Predictions `[batch, ...]` in the weights' dtype, a list where the
            model has several outputs; and the losses that its layers added.

        Raises:
            InputError: see `GivenWeights.check_reached`.
        """
        state = [
            tf.convert_to_tensor(variable)
            for variable in self._model.non_trainable_variables
        ]
        if run.seeds is not None:
            for seeds, positions in zip(
                run.seeds, self._seed_positions(), strict=True
            ):
                # The very same tensor for a shared draw: so TensorFlow sees
                # that support and query draw alike, and draws once.
                row = min(call, seeds.shape[0] - 1)
                for index, number in positions:
                    state[index] = tf.cast(
                        seeds[row, number], state[index].dtype
                    )
        values = [
            (variable, weights[index])
            for variable, index in zip(
                self._model.trainable_variables,
                _positions(
                    self._model.trainable_variables,
                    self._network.trainable_variables,
                ),
                strict=True,
            )
            if weights[index] is not None
        ]
        values += zip(self._model.non_trainable_variables, state, strict=True)
        # As `stateless_call`, which takes no argument for layers within.
        with keras.StatelessScope(values, collect_losses=True):
            outputs = self._call(inputs, training=run.training, given=run.given)
            losses = self._model.losses
        if run.given is not None:
            run.given.check_reached(self._model)
        dtype = weight_dtype(self._network)
        return tf.nest.map_structure(
            lambda output: tf.cast(output, dtype), outputs
        ), [tf.cast(loss, dtype) for loss in losses]

    def _seed_positions(self) -> list[list[tuple[int, int]]]:
        """Returns for each kind of seed where its states are.

        Each by its number among the part's variables, and among the states of
        the whole network.
        """
        return [
            list(
                zip(
                    _positions(part, self._model.non_trainable_variables),
                    _positions(part, whole),
                    strict=True,
                )
            )
            for part, whole in zip(
                _seed_states(self._model),
                _seed_states(self._network),
                strict=True,
            )
        ]


def weight_dtype(network: keras.Model) -> tf.DType:
    """Returns the dtype of a network's weights, whether trainable or not."""
    dtypes = [
        tf.as_dtype(variable.dtype)
        for variable in (*network.trainable_variables, *network.variables)
    ]
    # The states of seeds are integers.
    return next(dtype for dtype in dtypes if dtype.is_floating)


def draw_seeds(
    network: keras.Model,
    seed: tf.Tensor,
    *,
    tasks: tf.Tensor,
    calls: int,
    posterior_draw: str,
) -> Seeds:
    """Draws the random states of all calls of a meta-batch.

    Args:
        network: the whole network.
        seed: `[2]`.
        tasks: number of tasks.
        calls: how often a task calls the network.
        posterior_draw: what shares a draw of the weights, one of
            `POSTERIOR_DRAWS`.

    Returns:
        The `Seeds` of each task, with a leading task axis.
    """
    posterior_states, noise_states = _seed_states(network)
    posterior_seed, noise_seed = tf.unstack(
        tf.random.split(tf.cast(seed, tf.int32), 2)
    )
    drawn_tasks = 1 if posterior_draw == "meta_batch" else tasks
    drawn_calls = calls if posterior_draw == "call" else 1
    posteriors = _random_states(
        (drawn_tasks, drawn_calls, len(posterior_states), 2), posterior_seed
    )
    return Seeds(
        posteriors=tf.broadcast_to(
            posteriors, (tasks, drawn_calls, len(posterior_states), 2)
        ),
        noise=_random_states((tasks, calls, len(noise_states), 2), noise_seed),
    )


def check_network(network: keras.Model, *, second_order: bool) -> None:
    """Checks that a network can be run as a function.

    Args:
        network: what a user gave.
        second_order: whether its second derivatives are needed.

    Raises:
        InputError: if the network is not built, has not one input and one
            output, has nothing to train, or holds layers that cannot be run
            rightly.
    """
    name = f"network={network.name!r}"
    try:
        one_in_one_out = len(network.inputs) == len(network.outputs) == 1
    except (AttributeError, TypeError):
        one_in_one_out = False
    if not one_in_one_out:
        raise errors.InputError(
            f"{name}: expected a built Sequential or functional model with one "
            "input and one output"
        )
    if not network.trainable_variables:
        raise errors.InputError(f"{name} has no trainable weights")
    for layer in network._flatten_layers():
        kind = type(layer).__name__
        if (
            isinstance(layer, keras.layers.BatchNormalization)
            # Keras runs a frozen one in inference mode: its averages stay.
            and layer.trainable
        ):
            raise errors.InputError(
                f"{name} holds {layer.name!r}, a {kind}, whose moving averages "
                "no inner loop updates: freeze it (trainable = False), or use "
                "tfmeta.layers.TaskBatchNormalization"
            )
        if second_order and isinstance(layer, _WRONG_SECOND_DERIVATIVE):
            raise errors.InputError(
                f"{name} holds {layer.name!r}, a {kind}, whose second "
                "derivatives are wrong in TensorFlow: use "
                "tfmeta.layers.TaskLayerNormalization, or first order"
            )
        if layer.compute_dtype == "float16":
            raise errors.InputError(
                f"{name} computes {layer.name!r} in float16, in which inner "
                "gradients underflow, for loss scaling reaches the outer loop "
                "alone: use mixed_bfloat16"
            )


def split_at(
    network: keras.Model, weights: Sequence[keras.Variable]
) -> tuple[keras.Model | None, keras.Model]:
    """Splits a network before the first layer that owns any of `weights`.

    What comes before does not change while these weights do, so it need not be
    run again.

    Returns:
        The part before, and the rest. Where there is no such cut, because the
        first layer owns some, or a connection leaps over it: None, and the
        whole network.
    """
    wanted = {id(variable) for variable in weights}
    first = next(
        layer
        for layer in network.layers
        if wanted & {id(v) for v in layer.trainable_variables}
    )
    # A Sequential model knows no `input` of its own before it is called.
    (start,), (end,) = network.inputs, network.outputs
    if first.input is start:
        return None, network
    try:
        return keras.Model(start, first.input), keras.Model(first.input, end)
    except ValueError:
        return None, network


def _random_states(shape, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32
    )


def _seed_states(
    model: keras.Model,
) -> tuple[list[keras.Variable], list[keras.Variable]]:
    """Returns the states of layers that draw weights, and of all others."""
    of_posteriors = {
        id(layer.seed_generator.state)
        for layer in model._flatten_layers()
        if isinstance(layer, estimators.Reparameterization)
    }
    states = [
        variable
        for variable in model.non_trainable_variables
        # The name that keras.random.SeedGenerator gives its state.
        if variable.name == "seed_generator_state"
    ]
    return (
        [state for state in states if id(state) in of_posteriors],
        [state for state in states if id(state) not in of_posteriors],
    )


def _positions(
    variables: Sequence[keras.Variable], among: Sequence[keras.Variable]
) -> list[int]:
    position = {id(variable): index for index, variable in enumerate(among)}
    return [position[id(variable)] for variable in variables]
