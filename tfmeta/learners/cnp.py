"""Conditional neural processes, and what is configured from them."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.learners import amortized, network_parts


class _Representation(NamedTuple):
    """A task's adapted state.

    Attributes:
        weights: the networks', the same for all tasks.
        values: r `[features]`, the mean over the support set.
        losses: what the context network's layers added.
    """

    weights: list[tf.Tensor | None]
    values: tf.Tensor
    losses: list[tf.Tensor]


@keras.saving.register_keras_serializable("tfmeta")
class CNP(amortized.AmortizedLearner):
    """The conditional neural process (Garnelo et al. 2018).

    A task is the mean of what a network sees in its support examples
    (equations 1 to 3 of the paper; g is the encoder, which also reads the
    queries, as in Yin et al. 2020):

        r = mean_i context(g(x_i), y_i)
        prediction = decoder(g(x), r)

    So the support set has no order, and any size; before any support r is 0.
    Class labels become one-hot vectors.

    What Yin et al. (2020) add is a configuration:

    - MR-CNP(W): an encoder of variational layers, with
      `KLDivergence(weight=beta)`.
    - MR-CNP(A): an encoder that ends in a
      `StochasticBottleneck(divergence_weight=beta)`. Its divergence is that of
      the queries, in training.
    - CNP with Bayes by Backprop: all three networks of variational layers.

    `tfmeta.networks.neural_process` builds the paper's networks:
    `CNP(*networks.neural_process(encoder, ...))`, and
    `tfmeta.networks.class_neural_process` those for classes, where r is a mean
    for each class.

    Args:
        encoder: g, a built Keras model of x.
        context: of `[features of x, y]`, y as the decoder predicts it.
        decoder: of `[features of x, r]`.
        **learner_arguments: `posterior_draw`, `task_regularizer`, `mapping`,
            `seed` and `name`, see `Learner`.

    Raises:
        InputError: if the networks do not fit together, or see `Learner`.
    """

    def __init__(
        self,
        encoder: keras.Model,
        context: keras.Model,
        decoder: keras.Model,
        **learner_arguments: Any,
    ):
        features = network_parts.check_part("encoder", encoder, [None])
        outputs = network_parts.check_part("decoder", decoder, [features, None])
        representation = network_parts.check_part(
            "context", context, [features, outputs]
        )
        network_parts.check_part("decoder", decoder, [features, representation])
        super().__init__(
            {"encoder": encoder, "context": context, "decoder": decoder},
            **learner_arguments,
        )

    def initial_state(self, weights):
        """Returns r of no support: zeros."""
        shape = self.network.parts["context"].outputs[0].shape[1:]
        return _Representation(
            self.network_weights(weights),
            tf.zeros(shape, self.weight_dtype),
            [],
        )

    def adapted_state(self, weights, support_x, support_y, run):
        """Returns the mean over what the context network sees."""
        weights = self.network_weights(weights)
        features, _ = self._run_part["encoder"](weights, support_x, run, 0)
        representations, losses = self._run_part["context"](
            weights, [features, self._label_features(support_y)], run, 0
        )
        # The mean; of no examples, which an exported learner may get, it is 0.
        count = tf.maximum(tf.shape(representations)[0], 1)
        return _Representation(
            weights,
            tf.reduce_sum(representations, axis=0)
            / tf.cast(count, representations.dtype),
            losses,
        )

    def query_predictions(self, state, query_x, run):
        """Decodes the queries' features together with r."""
        features, encoder_losses = self._run_part["encoder"](
            state.weights, query_x, run, 1
        )
        queries = tf.shape(features)[0]
        representations = tf.broadcast_to(
            state.values, tf.concat([[queries], state.values.shape], 0)
        )
        predictions, decoder_losses = self._run_part["decoder"](
            state.weights, [features, representations], run, 1
        )
        return predictions, encoder_losses + state.losses + decoder_losses
