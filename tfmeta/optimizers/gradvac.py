"""GradVac: PCGrad with a target for each pair instead of no conflict."""

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.optimizers import pcgrad, task_gradient_optimizer

# Of 1 - target^2: two tasks that always agree have no plane to turn in.
_LEAST_SQUARED_SINE = 1e-6


@keras.saving.register_keras_serializable("tfmeta")
class GradVac(task_gradient_optimizer.TaskGradientOptimizer):
    """Turns gradients to the cosine that is usual (Wang et al. 2021).

    As PCGrad, but two gradients are turned towards each other whenever their
    cosine is below its moving average (Algorithm 1, equations 4 and 5 in
    "Gradient Vaccine"), of the whole shared network. At the first step the
    averages are 0, and it is PCGrad.

    The averages are state of pairs of tasks: task i is to be the same task at
    each step, as in multi-task learning, and their number must not change.

    Args:
        inner_optimizer: see `TaskGradientOptimizer`.
        beta: how far an average moves towards a new cosine.
        num_tasks: number of tasks, if it is to be known before the first step:
            to restore a checkpoint, or to train on several replicas.
        reduction: see `TaskGradientOptimizer`.
        seed: see `TaskGradientOptimizer`.
        name: see `TaskGradientOptimizer`.
    """

    def __init__(
        self,
        inner_optimizer,
        *,
        beta: float = 0.01,
        num_tasks: int | None = None,
        reduction: str = "sum",
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(
            inner_optimizer, reduction=reduction, seed=seed, name=name
        )
        if not 0 <= beta <= 1:
            raise errors.InputError(f"beta={beta}: expected from 0 to 1")
        self._beta = beta
        self._num_tasks = num_tasks

    def build_task_state(self, num_tasks):
        """Makes the averages `[tasks, tasks]`.

        Raises:
            InputError: in a step of one of several replicas.
        """
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            raise errors.InputError(
                "num_tasks: with several replicas GradVac has to know it, "
                f"{num_tasks}, when it is built, before the first step"
            )
        self._targets = self.add_variable(
            (num_tasks, num_tasks),
            aggregation="only_first_replica",
            name="cosine_targets",
        )

    def task_weights(self, gramian, seed):
        """Returns the weights of `gradvac_weights`, and moves the averages.

        Raises:
            InputError: if the number of tasks is another than before.
        """
        if gramian.shape[0] != self._num_tasks or self._num_tasks is None:
            raise errors.InputError(
                "task_gradients: GradVac keeps state of pairs of tasks, "
                f"expected {self._num_tasks or 'a known number of'} tasks, got "
                f"{gramian.shape[0]}"
            )
        weights, targets = gradvac_weights(
            gramian,
            pcgrad.random_orders(gramian, seed),
            tf.cast(self._targets.value, gramian.dtype),
            self._beta,
        )
        self._targets.assign(tf.cast(targets, self._targets.dtype))
        return weights

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return super().get_config() | {
            "beta": self._beta,
            "num_tasks": self._num_tasks,
        }


def gradvac_weights(
    gramian: tf.Tensor, orders: tf.Tensor, targets: tf.Tensor, beta: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the weights with which GradVac sums the gradients.

    In coefficients of the original gradients, as `pcgrad.pcgrad_weights`.

    Args:
        gramian: `[tasks, tasks]`.
        orders: `[tasks, tasks]` integers; row i holds all tasks in the order in
            which task i meets them. Meeting itself does nothing.
        targets: `[tasks, tasks]`, the averages of the cosines so far.
        beta: how far they move towards the new cosines.

    Returns:
        The weights `[tasks]` and the new averages `[tasks, tasks]`. A zero
        gradient changes neither.
    """
    # A static size where known: the loop's mask of one task has this shape.
    num_tasks = gramian.shape[0] or tf.shape(gramian)[0]
    norms = tf.sqrt(tf.maximum(tf.linalg.diag_part(gramian), 0))
    own = tf.eye(num_tasks, dtype=gramian.dtype)

    def meet(step, combination, products, averages):
        others = orders[:, step]
        mask = tf.one_hot(others, num_tasks, dtype=gramian.dtype) * (1 - own)
        own_norms = tf.sqrt(
            tf.maximum(tf.reduce_sum(combination * products, -1), 0)
        )
        other_norms = tf.gather(norms, others)
        cosines = tf.clip_by_value(
            tf.math.divide_no_nan(tf.reduce_sum(mask * products, -1), own_norms)
            * tf.math.reciprocal_no_nan(other_norms),
            -1,
            1,
        )
        wanted = tf.reduce_sum(mask * averages, -1)
        meets = (
            (own_norms > 0) & (other_norms > 0) & (tf.reduce_sum(mask, -1) > 0)
        )
        sine = tf.sqrt(tf.maximum(1 - wanted**2, _LEAST_SQUARED_SINE))
        # Equation 4.
        turn = wanted * tf.sqrt(1 - cosines**2) - cosines * sine
        added = tf.where(
            meets & (cosines < wanted),
            own_norms / sine * turn * tf.math.reciprocal_no_nan(other_norms),
            0,
        )
        moved = tf.where(meets, beta * (cosines - wanted), 0)
        return (
            step + 1,
            combination + added[:, tf.newaxis] * mask,
            products + added[:, tf.newaxis] * tf.gather(gramian, others),
            averages + moved[:, tf.newaxis] * mask,
        )

    _, combination, _, averages = tf.while_loop(
        lambda step, *_: step < num_tasks,
        meet,
        (tf.constant(0), own, gramian, targets),
    )
    return tf.reduce_sum(combination, 0), averages
