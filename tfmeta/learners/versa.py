"""VERSA: an amortized posterior over the weights of a task's head."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import functional_network
from tfmeta.learners import amortized, network_parts


class HeadPosterior(NamedTuple):
    """Independent normal posteriors over the weights of a linear head.

    Attributes:
        mean: `[ways, features + 1]`, each class's weights and then its bias.
        stddev: their standard deviations, of the same shape.
    """

    mean: tf.Tensor
    stddev: tf.Tensor


class _ClassFeatures(NamedTuple):
    """A task's adapted state.

    Attributes:
        weights: the networks', the same for all tasks.
        values: `[ways, features]`, the mean over each class's support.
    """

    weights: list[tf.Tensor | None]
    values: tf.Tensor


@keras.saving.register_keras_serializable("tfmeta")
class VERSA(amortized.AmortizedLearner):
    """Versatile amortized inference for classification (Gordon et al. 2019).

    From "Meta-Learning Probabilistic Inference for Prediction". A task has a
    linear head psi on the features h of an encoder that all tasks share. The
    posterior over it is not looked for by gradient steps but read off the
    support set by a network, for each class from its own examples alone
    (section 3, "context independence"):

        q(psi_c) = N(mu_c, sigma_c^2),
        (mu_c, log sigma_c^2) = amortization(mean of h(x) of class c's support)

    Training minimizes the negative logarithm of the posterior predictive,
    by L draws of psi:

        -log p(y | x),  p(y | x) = 1/L sum_l softmax(psi_l h(x))_y

    So predictions are log p, after which a cross-entropy of logits is exact,
    and probabilities are `exp(predictions)`. The head is linear, so under q the
    logits of a query are normal and independent: they are drawn, in place of
    psi, as in the authors' code (the local reparameterization trick). At test
    the draws are the same in every task, at every call and for every query:
    predictions are a function of the support set and the query.

    A class's name does not reach its weights: where each class bears the same
    label in all tasks, that label is nothing that could be memorized. The
    support set has no order, and may lack classes: of these the features are
    taken for 0.

    `tfmeta.networks.amortized_head` builds the amortization network.

    Args:
        encoder: a built Keras model, x to features `[batch, features]`.
        amortization: a built Keras model, `[classes, features]` to `[classes,
            2 (features + 1)]`: the means of a class's weights and bias, then
            the logarithms of their variances.
        ways: number of classes in a task, at least 2.
        draws: L, in training.
        test_draws: L at test; the authors take 10 in both.
        **learner_arguments: `posterior_draw`, `task_regularizer`, `mapping`,
            `seed` and `name`, see `Learner`.

    Raises:
        InputError: if the networks do not fit together, a number is out of
            range, or see `Learner`.
    """

    def __init__(
        self,
        encoder: keras.Model,
        amortization: keras.Model,
        *,
        ways: int,
        draws: int = 10,
        test_draws: int = 100,
        **learner_arguments: Any,
    ):
        for name, value, least in (
            ("ways", ways, 2),
            ("draws", draws, 1),
            ("test_draws", test_draws, 1),
        ):
            if value < least:
                raise errors.InputError(
                    f"{name}={value}: expected {least} or more"
                )
        shape = network_parts.check_features("encoder", encoder)
        parameters = 2 * (shape[0] + 1)
        if network_parts.check_part("amortization", amortization, [shape]) != (
            parameters,
        ):
            raise errors.InputError(
                f"amortization={amortization.name!r}: expected outputs of "
                f"shape ({parameters},), a mean and a log-variance for each of "
                f"{shape[0]} features and the bias; got "
                f"{amortization.outputs[0].shape[1:]}"
            )
        super().__init__(
            {
                "encoder": encoder,
                "amortization": amortization,
                "head": _head(
                    shape[0],
                    ways,
                    _PosteriorPredictive(
                        draws,
                        test_draws,
                        learner_arguments.get("seed", 0),
                        dtype=amortization.variable_dtype,
                        # The default name is none that TensorFlow takes.
                        name="predictive",
                    ),
                ),
            },
            **learner_arguments,
        )
        self._ways = ways
        self._draws = draws
        self._test_draws = test_draws

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        jit_compile=None,
        **kwargs,
    ):
        """Configures training, see `Learner`.

        Args:
            optimizer: see `Learner`.
            loss: `SparseCategoricalCrossentropy(from_logits=True)`.
            metrics: see `Learner`.
            jit_compile: see `Learner`.
            **kwargs: see `Learner`.

        Raises:
            InputError: if `loss` is another.
        """
        super().compile(optimizer, loss, metrics, jit_compile, **kwargs)
        if not self.takes_class_logits:
            raise errors.InputError(
                f"loss={loss!r}: VERSA predicts logarithms of probabilities of "
                "classes, expected SparseCategoricalCrossentropy("
                "from_logits=True)"
            )

    def posterior(self, support_x, support_y) -> HeadPosterior:
        """Infers the posterior over a task's head, as at test.

        Args:
            support_x: `[support, ...]`.
            support_y: `[support]`, class labels.

        Raises:
            InputError: see `adapt`.
        """
        parameters, _ = self._amortize(
            self.adapt(support_x, support_y),
            functional_network.Pass(training=False),
        )
        mean, log_variance = tf.split(parameters, 2, axis=1)
        return HeadPosterior(mean, tf.exp(log_variance / 2))

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "ways": self._ways,
            "draws": self._draws,
            "test_draws": self._test_draws,
        }

    def _network_config(self):
        networks = super()._network_config()
        del networks["head"]  # It is made of the other arguments.
        return networks

    def initial_state(self, weights):
        """Returns features of no support: zeros."""
        shape = (
            self.network.outputs[0].shape[1:]
            + (self.network.parts["encoder"].outputs[0].shape[1:])
        )
        return _ClassFeatures(
            self.network_weights(weights), tf.zeros(shape, self.weight_dtype)
        )

    def adapted_state(self, weights, support_x, support_y, run):
        """Returns the mean features of each class."""
        weights = self.network_weights(weights)
        features, _ = self._run_part["encoder"](weights, support_x, run, 0)
        classes = self._label_features(support_y)
        counts = tf.reduce_sum(classes, axis=0)[:, tf.newaxis]
        return _ClassFeatures(
            weights,
            # Of a class without any example it is 0.
            tf.matmul(classes, features, transpose_a=True)
            / tf.maximum(counts, 1),
        )

    def query_predictions(self, state, query_x, run):
        """Predicts the logarithms of the posterior predictive."""
        features, encoder_losses = self._run_part["encoder"](
            state.weights, query_x, run, 1
        )
        parameters, amortization_losses = self._amortize(state, run)
        predictions, _ = self._run_part["head"](
            state.weights, [features, parameters], run, 1
        )
        return predictions, encoder_losses + amortization_losses

    def _amortize(self, adapted: _ClassFeatures, run: functional_network.Pass):
        return self._run_part["amortization"](
            adapted.weights, adapted.values, run, 1
        )


class _PosteriorPredictive(keras.Layer):
    """Averages a head's predictions over draws from its posterior.

    Args:
        draws: in training, where each query has its own.
        test_draws: at inference, where all queries have the same.
        seed: integer seed of the draws.
        **kwargs: see `keras.Layer`.
    """

    def __init__(self, draws: int, test_draws: int, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self._draws = draws
        self._test_draws = test_draws
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Returns logarithms of probabilities, `[queries, ways]`.

        Args:
            inputs: features `[queries, features]` and the posterior's
                parameters `[ways, 2 (features + 1)]`, as `VERSA` has them.
            training: whether in training.
        """
        features, parameters = inputs
        mean, log_variance = tf.split(parameters, 2, axis=1)
        features = tf.concat([features, tf.ones_like(features[:, :1])], axis=1)
        logits = tf.matmul(features, mean, transpose_b=True)
        variances = tf.matmul(
            features**2, tf.exp(log_variance), transpose_b=True
        )
        draws = self._draws if training else self._test_draws
        noise = tf.random.stateless_normal(
            (draws, tf.shape(logits)[0] if training else 1, logits.shape[1]),
            tf.cast(self.seed_generator.next(), tf.int32),
            dtype=logits.dtype,
        )
        return tf.reduce_logsumexp(
            tf.nn.log_softmax(logits + tf.sqrt(variances) * noise), axis=0
        ) - math.log(draws)


def _head(features: int, ways: int, predictive: keras.Layer) -> keras.Model:
    """Makes a layer a part, whose inputs and outputs have shapes."""
    inputs = [
        keras.Input((features,), name="features", dtype=predictive.dtype),
        keras.Input(
            batch_shape=(ways, 2 * (features + 1)),
            name="parameters",
            dtype=predictive.dtype,
        ),
    ]
    return keras.Model(inputs, predictive(inputs), name="head")
