"""A recurrent cell with an external memory."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers import arguments


@keras.saving.register_keras_serializable("tfmeta")
class MemoryAugmentedCell(keras.Layer):
    """An LSTM with a memory of least recently used access (LRUA).

    From "Meta-Learning with Memory-Augmented Neural Networks" (Santoro et al.
    2016, section 3). Each head makes a key k_t from the controller's output
    h_t, writes it to the memory M of `slots` rows, and then looks it up there:

        w^w_t = sigmoid(alpha) w^r_{t-1} + (1 - sigmoid(alpha)) w^lu_{t-1}  (7)
        M_t(i) = M_{t-1}(i) + w^w_t(i) k_t                                  (8)
        w^r_t = softmax of cosine(k_t, M_t(i)) over i                    (2, 3)
        r_t = sum_i w^r_t(i) M_t(i)                                         (4)
        w^u_t = gamma w^u_{t-1} + w^r_t + w^w_t                             (5)

    Here w^lu marks the slots whose usage w^u is least (6), one for each head;
    these are set to zero before the heads write. So a head writes to a slot
    that has not been used for long, or to those that it has just read.

    The paper leaves open, and here:
    - keys are tanh of a linear map;
    - alpha is a weight of each head, 0 at the start;
    - head number j writes to the j-th of the least used slots; of slots that
      are used alike the first comes first;
    - w^u sums over heads;
    - M, w^u and r start at zero, and w^r at what equation 3 gives for such a
      memory: the same for all slots.

    It is a Keras RNN cell: `keras.layers.RNN(MemoryAugmentedCell(200))` runs it
    over sequences. Its output is `[h_t, r_t of each head]`, `[batch, units +
    heads width]`.

    Args:
        units: of the controller.
        slots: rows of the memory.
        width: of a row.
        heads: number of heads, each of which reads and writes.
        usage_decay: gamma.
        **kwargs: see `keras.Layer`.

    Raises:
        InputError: if a size is below 1, there are more heads than slots, or
            `usage_decay` is not in [0, 1].
    """

    def __init__(
        self,
        units: int,
        *,
        slots: int = 128,
        width: int = 40,
        heads: int = 4,
        usage_decay: float = 0.95,
        **kwargs: Any,
    ):
        arguments.check_positive_integers(
            units=units, slots=slots, width=width, heads=heads
        )
        if heads > slots:
            raise errors.InputError(
                f"heads={heads}: expected at most slots={slots}, for each "
                "writes to a slot of its own"
            )
        arguments.check_shares(usage_decay=usage_decay)
        super().__init__(**kwargs)
        self.units = units
        self.slots = slots
        self.width = width
        self.heads = heads
        self.usage_decay = usage_decay
        self.controller = keras.layers.LSTMCell(
            units, dtype=self.dtype_policy, name="controller"
        )
        self.keys = keras.layers.Dense(
            heads * width,
            activation="tanh",
            dtype=self.dtype_policy,
            name="keys",
        )

    @property
    def state_size(self) -> list[int]:
        """Sizes of h, the LSTM's c, r, M, w^r and w^u.

        States of a Keras layer are vectors, so a matrix is flattened by rows.
        """
        return [
            self.units,
            self.units,
            self.heads * self.width,
            self.slots * self.width,
            self.heads * self.slots,
            self.slots,
        ]

    @property
    def output_size(self) -> int:
        """Size of `[h, r of each head]`."""
        return self.units + self.heads * self.width

    def get_initial_state(self, batch_size=None):
        """Returns the state before any input, `[batch, size]` each."""
        *zeros, w_r, w_u = (
            tf.zeros((batch_size, size), self.compute_dtype)
            for size in self.state_size
        )
        return [*zeros, w_r + 1 / self.slots, w_u]

    def build(self, input_shape):
        """Makes the controller, the map to keys, and alpha."""
        reads = self.heads * self.width
        self.controller.build((None, input_shape[-1] + reads))
        self.keys.build((None, self.units))
        self.alpha = self.add_weight(
            name="alpha", shape=(self.heads, 1), initializer="zeros"
        )

    def call(self, inputs, states, training=False):
        """Makes one step.

        Args:
            inputs: `[batch, features]`.
            states: as `get_initial_state` returns them.
            training: whether the network is trained.

        Returns:
            The output `[batch, output_size]`, and the new states.
        """
        h, c, r, memory, w_r, w_u = states
        memory = tf.reshape(memory, (-1, self.slots, self.width))
        w_r = tf.reshape(w_r, (-1, self.heads, self.slots))
        h, (_, c) = self.controller(
            tf.concat([inputs, r], axis=1), [h, c], training=training
        )
        k = tf.reshape(self.keys(h), (-1, self.heads, self.width))

        w_lu = tf.one_hot(
            tf.math.top_k(-w_u, self.heads).indices,
            self.slots,
            dtype=w_u.dtype,
        )
        gate = tf.sigmoid(tf.convert_to_tensor(self.alpha))
        w_w = gate * w_r + (1 - gate) * w_lu
        memory *= 1 - tf.reduce_sum(w_lu, axis=1)[..., tf.newaxis]
        memory += tf.matmul(w_w, k, transpose_a=True)

        w_r = tf.nn.softmax(
            tf.matmul(
                # The cosine of a slot of zeros is 0.
                tf.math.l2_normalize(k, axis=-1),
                tf.math.l2_normalize(memory, axis=-1),
                transpose_b=True,
            )
        )
        r = tf.reshape(tf.matmul(w_r, memory), (-1, self.heads * self.width))
        w_u = self.usage_decay * w_u + tf.reduce_sum(w_r + w_w, axis=1)
        return tf.concat([h, r], axis=1), [
            h,
            c,
            r,
            tf.reshape(memory, (-1, self.slots * self.width)),
            tf.reshape(w_r, (-1, self.heads * self.slots)),
            w_u,
        ]

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "units": self.units,
            "slots": self.slots,
            "width": self.width,
            "heads": self.heads,
            "usage_decay": self.usage_decay,
        }
