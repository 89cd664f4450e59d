"""Task-agnostic meta-learning (Jamal & Qi 2019), as task regularizers."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.regularizers import task_regularizer


@keras.saving.register_keras_serializable("tfmeta")
class TAMLEntropy(task_regularizer.TaskRegularizer):
    """Entropy reduction: `weight * (H(adapted) - H(initial))`.

    Before adaptation the predictions should be as uncertain as can be, after
    it certain (Jamal & Qi 2019, section 3.1). Predictions are logits
    `[queries, ways]`; entropies are in nats, averaged over queries.

    Args:
        weight: the paper's lambda, not negative.

    Raises:
        InputError: if `weight` is negative or not a number.
    """

    def __init__(self, weight: float):
        self._weight = _check_weight(weight)

    def task_loss(self, initial, adapted):
        """Returns the reduction of entropy, negated and weighted."""
        return self._weight * (_mean_entropy(adapted) - _mean_entropy(initial))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"weight": self._weight}

    @classmethod
    def from_config(cls, config):
        """Rebuilds the regularizer from `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("tfmeta")
class TAMLInequality(task_regularizer.TaskRegularizer):
    """Inequality of the tasks' losses before adaptation.

    `weight * I(L_1, ..., L_T)` with an inequality measure of economics (Jamal &
    Qi 2019, section 3.2): the initial model should favour no task.

    Args:
        weight: the paper's lambda, not negative.
        measure: `"theil"`, `"generalized_entropy"` (order 2), `"gini"`,
            `"atkinson"` (epsilon 0.5) or `"variance_of_logs"`.

    Raises:
        InputError: if `weight` is negative or not a number, or `measure` is
            unknown.
    """

    def __init__(self, weight: float, measure: str = "theil"):
        if measure not in INEQUALITY_MEASURES:
            raise errors.InputError(
                f"measure={measure!r} is unknown: expected one of "
                f"{', '.join(INEQUALITY_MEASURES)}"
            )
        self._weight = _check_weight(weight)
        self._measure = measure

    def initial_loss_weights(self, initial_losses):
        """Returns `tasks * weight * dI/dL_i`."""
        with tf.GradientTape() as tape:
            tape.watch(initial_losses)
            inequality = INEQUALITY_MEASURES[self._measure](initial_losses)
        num_tasks = tf.cast(tf.size(initial_losses), initial_losses.dtype)
        return (
            num_tasks * self._weight * tape.gradient(inequality, initial_losses)
        )

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"weight": self._weight, "measure": self._measure}

    @classmethod
    def from_config(cls, config):
        """Rebuilds the regularizer from `get_config`."""
        return cls(**config)


def _theil(losses: tf.Tensor) -> tf.Tensor:
    shares = losses / tf.reduce_mean(losses)
    return tf.reduce_mean(tf.math.xlogy(shares, shares))


def _generalized_entropy(losses: tf.Tensor) -> tf.Tensor:
    shares = losses / tf.reduce_mean(losses)
    return tf.reduce_mean(shares**2 - 1) / 2


def _gini(losses: tf.Tensor) -> tf.Tensor:
    differences = tf.abs(losses[:, None] - losses[None, :])
    return tf.reduce_mean(differences) / (2 * tf.reduce_mean(losses))


def _atkinson(losses: tf.Tensor) -> tf.Tensor:
    return 1 - tf.reduce_mean(tf.sqrt(losses)) ** 2 / tf.reduce_mean(losses)


def _variance_of_logs(losses: tf.Tensor) -> tf.Tensor:
    logs = tf.math.log(losses)
    return tf.reduce_mean((logs - tf.reduce_mean(logs)) ** 2)


INEQUALITY_MEASURES = {
    "theil": _theil,
    "generalized_entropy": _generalized_entropy,
    "gini": _gini,
    "atkinson": _atkinson,
    "variance_of_logs": _variance_of_logs,
}


def _mean_entropy(logits: tf.Tensor) -> tf.Tensor:
    log_probabilities = tf.nn.log_softmax(logits)
    entropies = -tf.reduce_sum(
        tf.exp(log_probabilities) * log_probabilities, axis=-1
    )
    return tf.reduce_mean(entropies)


def _check_weight(weight: float) -> float:
    if not weight >= 0:
        raise errors.InputError(
            f"weight={weight}: expected a number not below 0"
        )
    return weight
