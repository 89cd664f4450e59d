"""What an outer loop may add to the losses of its tasks."""

import tensorflow as tf


class TaskRegularizer:
    """A regularizer of a learner's predictions on a meta-batch of tasks.

    It adds to each task's loss in the outer loop. As it stands it adds nothing;
    a subclass overrides what it needs.
    """

    def task_loss(
        self, initial: tf.Tensor, adapted: tf.Tensor
    ) -> tf.Tensor | float:
        """Returns a term of one task's loss.

        Args:
            initial: predictions on the queries before adaptation.
            adapted: predictions on the queries after adaptation.

        Returns:
            A scalar.
        """
        del initial, adapted
        return 0.0

    def initial_loss_weights(self, initial_losses: tf.Tensor) -> tf.Tensor:
        """Returns how strongly each task's initial loss counts.

        A regularizer `R(L_1, ..., L_T)` of all tasks' losses before adaptation
        has the gradient `sum_i dR/dL_i grad L_i`; so it becomes one term per
        task, with the constant weight `T dR/dL_i` under the mean over tasks.

        Args:
            initial_losses: `[tasks]`, query losses before adaptation.

        Returns:
            `[tasks]`.
        """
        return tf.zeros_like(initial_losses)
