"""Learners whose recurrent networks read the support set."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.learners import amortized, network_parts


class _Memory(NamedTuple):
    """A task's adapted state.

    Attributes:
        weights: the networks', the same for all tasks.
        states: the cell's, `[1, size]` each.
    """

    weights: list[tf.Tensor | None]
    states: list[tf.Tensor]


@keras.saving.register_keras_serializable("tfmeta")
class RecurrentLearner(amortized.AmortizedLearner):
    """A recurrent network that learns within its state.

    Hochreiter, Younger & Conwell (2001, "Learning to Learn Using Gradient
    Descent"), whose cell is an LSTM's, `keras.layers.LSTMCell`; and
    memory-augmented neural networks (MANN, Santoro et al. 2016), whose cell is
    `tfmeta.layers.MemoryAugmentedCell`.

    The cell reads the support set, one example after the other; its state is
    then what the task has taught. Each query is read from that state, apart
    from the other queries, and with zeros in the place of its label:

        s_i = state of cell([g(x_i), y_i], s_{i-1})
        prediction = decoder(output of cell([g(x), 0], s_n))

    In the papers a network predicts at each step, so an example comes with the
    label of the one before it, for its own would give the answer away. Here
    predictions are asked for of queries alone, and a support set is known
    before; so its examples come with their own labels, and only queries have
    none. Class labels become one-hot vectors.

    A support set has no order, but a recurrent network reads it in one, and
    predictions depend on that. Episodes come in the order of their classes.
    That gives no query away, but a network that has read no other order may
    take the place of an example for its label, and be lost where a user's
    examples come otherwise. So each training step shuffles each support set.
    At test it is read as it comes.

    Under the mapping `"vectorize"`, the fast one without convolutions, training
    reads a support set without a loop, whose gradient TensorFlow cannot
    vectorize and XLA cannot compile then; so its size has to be known, and the
    graph grows with it. XLA takes long to compile that, and is left out unless
    `compile(jit_compile=True)` asks for it; with `mapping="map"` besides, a
    step is as fast, and compiled in a fraction of the time.

    `tfmeta.networks.recurrent_networks` builds the networks.

    Args:
        encoder: g, a built Keras model, x to features `[batch, features]`.
        cell: a Keras RNN cell, of `[features, outputs]`, joined.
        decoder: a built Keras model of the cell's output, to predictions
            `[batch, outputs]`.
        shuffle: whether training shuffles support sets. `False` is for tasks
            whose examples have an order that means something.
        **learner_arguments: `posterior_draw`, `task_regularizer`, `mapping`,
            `seed` and `name`, see `Learner`.

    Raises:
        InputError: if `cell` is no RNN cell, the networks do not fit together,
            or see `Learner`; in training, if a support set's size is not known
            under `"vectorize"`.

    Attributes:
        cell: as above.
    """

    def __init__(
        self,
        encoder: keras.Model,
        cell: keras.Layer,
        decoder: keras.Model,
        *,
        shuffle: bool = True,
        **learner_arguments: Any,
    ):
        features = network_parts.check_features("encoder", encoder)
        outputs = network_parts.check_features("decoder", decoder)
        memory = _memory(cell, features, outputs)
        network_parts.check_part(
            "decoder", decoder, [tuple(memory.outputs[0].shape[1:])]
        )
        order = _order(features, outputs, learner_arguments.get("seed", 0))
        super().__init__(
            {
                "encoder": encoder,
                **({"order": order} if shuffle else {}),
                "memory": memory,
                "decoder": decoder,
            },
            **learner_arguments,
        )
        self.cell = cell
        self._shuffle = shuffle

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {"shuffle": self._shuffle}

    @property
    def _fast_under_xla(self):
        return False

    def _network_config(self):
        networks = super()._network_config()
        return {
            "encoder": networks["encoder"],
            "cell": keras.saving.serialize_keras_object(self.cell),
            "decoder": networks["decoder"],
        }

    def initial_state(self, weights):
        """Returns the cell's state before any input."""
        return _Memory(
            self.network_weights(weights),
            [
                tf.cast(state, self.weight_dtype)
                for state in tf.nest.flatten(_initial_states(self.cell))
            ],
        )

    def adapted_state(self, weights, support_x, support_y, run):
        """Returns the cell's state after the support set."""
        weights, states = self.initial_state(weights)
        features, _ = self._run_part["encoder"](weights, support_x, run, 0)
        examples = [features, self._label_features(support_y)]
        if self._shuffle:
            examples, _ = self._run_part["order"](weights, examples, run, 0)

        def read(states, example):
            (_, *states), _ = self._run_part["memory"](
                weights,
                [*(values[tf.newaxis] for values in example), *states],
                run,
                0,
            )
            return states

        vectorized = self._resolved_mapping == "vectorize"
        if vectorized and support_x.shape[0]:
            for example in zip(*map(tf.unstack, examples), strict=True):
                states = read(states, example)
        elif vectorized and run.training:
            raise errors.InputError(
                f"support_x: of shape {tuple(support_x.shape)}, expected a "
                "known number of examples under mapping='vectorize'"
            )
        else:
            states = tf.foldl(read, examples, states)
        return _Memory(weights, states)

    def query_predictions(self, state, query_x, run):
        """Reads each query from the state that the support set has left."""
        features, encoder_losses = self._run_part["encoder"](
            state.weights, query_x, run, 1
        )
        queries = tf.shape(features)[0]
        (outputs, *_), memory_losses = self._run_part["memory"](
            state.weights,
            [
                features,
                tf.zeros(
                    (queries, *self.network.outputs[0].shape[1:]),
                    self.weight_dtype,
                ),
                *(
                    tf.broadcast_to(state, (queries, state.shape[1]))
                    for state in state.states
                ),
            ],
            run,
            1,
        )
        predictions, decoder_losses = self._run_part["decoder"](
            state.weights, outputs, run, 1
        )
        return predictions, encoder_losses + memory_losses + decoder_losses


class _Shuffle(keras.Layer):
    """Puts examples into a random order, in training.

    Args:
        seed: integer seed of the orders.
        **kwargs: see `keras.Layer`.
    """

    def __init__(self, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Returns tensors `[examples, ...]` in one and the same order."""
        if not training:
            return inputs
        keys = tf.random.stateless_uniform(
            (tf.shape(inputs[0])[0],),
            tf.cast(self.seed_generator.next(), tf.int32),
        )
        order = tf.argsort(keys)
        return [tf.gather(values, order) for values in inputs]


def _order(features, outputs, seed: int) -> keras.Model:
    """Makes a part that shuffles a support set's features and labels."""
    inputs = [
        keras.Input(features, name="features"),
        keras.Input(outputs, name="y"),
    ]
    # The default name is none that TensorFlow takes.
    return keras.Model(
        inputs, _Shuffle(seed, name="shuffle")(inputs), name="order"
    )


def _memory(cell: keras.Layer, features, outputs) -> keras.Model:
    """Makes a cell a part: `[features, y, *states]` to its output and states.

    Raises:
        InputError: if it is no cell.
    """
    if isinstance(cell, keras.layers.RNN) or not (
        isinstance(cell, keras.Layer) and hasattr(cell, "state_size")
    ):
        raise errors.InputError(
            "cell: expected a Keras RNN cell, such as keras.layers.LSTMCell, "
            f"got {type(cell).__name__}"
        )
    x = keras.Input(features, name="features")
    y = keras.Input(outputs, name="y")
    initial = _initial_states(cell)
    states = [
        keras.Input(state.shape[1:], name=f"state{number}")
        for number, state in enumerate(tf.nest.flatten(initial), start=1)
    ]
    example = keras.layers.Concatenate(name="example")([x, y])
    # A sequence of one, for it is the layer that takes care of the cell's own
    # matters: states within states, and dropout masks.
    sequence = keras.layers.Reshape((1, example.shape[1]))(example)
    read = keras.layers.RNN(cell, return_state=True, unroll=True)(
        sequence, initial_state=tf.nest.pack_sequence_as(initial, states)
    )
    return keras.Model([x, y, *states], tf.nest.flatten(read), name="memory")


def _initial_states(cell: keras.Layer):
    """Returns a cell's state before any input, `[1, size]` each."""
    return keras.layers.RNN(cell).get_initial_state(1)
