"""What all loss weightings share."""

import keras
import tensorflow as tf

from tfmeta import errors


class Weighting(keras.Layer):
    """A layer from the losses of T tasks `[T]` to their weights `[T]`.

    Each train step multiplies the tasks' losses by the weights, which are
    constants to the network. Trainable variables of the layer are trained by
    the model's optimizer, on the weighted sum of the losses plus `penalty`.
    Other state is held in variables too, so that checkpoints have it, and moves
    on in `update`.

    A subclass overrides `call`, and of the rest what it needs.

    Args:
        **kwargs: see `keras.Layer`; the default `dtype` is that of the losses,
            whatever the global policy.
    """

    needs_gradient_norms = False
    """Whether `update` is to be given the norms of the tasks' gradients."""

    needs_new_losses = False
    """Whether `update` is to be given the losses after the step."""

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", keras.config.floatx())
        super().__init__(**kwargs)
        self.num_tasks: int | None = None

    def build_for(self, num_tasks: int) -> None:
        """Makes the state for T tasks, or keeps what there is.

        Raises:
            InputError: if it is for another number of tasks.
        """
        if not self.built:
            self.build((num_tasks,))
        elif self.num_tasks != num_tasks:
            raise errors.InputError(
                f"weighting={self.name!r} holds the state of {self.num_tasks} "
                f"tasks, the model has {num_tasks}: make a new one"
            )

    def build(self, input_shape):
        """Remembers the number of tasks; a subclass makes its state."""
        (self.num_tasks,) = input_shape

    def penalty(self, losses: tf.Tensor) -> tf.Tensor | float:
        """Returns what the layer's own variables minimize besides the sum.

        Args:
            losses: `[T]`, those of the step.
        """
        del losses
        return 0.0

    def start_epoch(self) -> None:
        """Does what happens between epochs; `fit` calls it before each."""

    def update(
        self,
        losses: tf.Tensor,
        *,
        gradient_norms: tf.Tensor | None,
        new_losses: tf.Tensor | None,
    ) -> None:
        """Moves the state on after a train step.

        Args:
            losses: `[T]`, those of the step.
            gradient_norms: `[T]`, the norms of the unweighted losses' gradients
                with respect to the shared variables, if
                `needs_gradient_norms`.
            new_losses: `[T]`, those of the same batch after the step, if
                `needs_new_losses`.
        """
        del losses, gradient_norms, new_losses

    def add_state(self, name: str, initializer="zeros", shape=None, dtype=None):
        """Makes a variable that no gradient moves, by default of shape `[T]`.

        Every replica of a `tf.distribute` strategy computes the same state from
        the losses of all, so one's is taken.
        """
        return self.add_weight(
            name=name,
            shape=(self.num_tasks,) if shape is None else shape,
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            aggregation="only_first_replica",
        )


def are_held(losses: tf.Tensor) -> tf.Tensor:
    """Tells which tasks a batch holds examples of, `[T]` booleans.

    Args:
        losses: `[T]`. That of a task whose labels are all missing is 0; and one
            that is 0 otherwise has no gradient either.
    """
    return tf.not_equal(losses, 0)
