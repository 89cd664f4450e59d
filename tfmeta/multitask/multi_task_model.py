"""A Keras model with one loss, and one gradient, for each task."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import recorded, replicas
from tfmeta.layers.sharing import loss_learners
from tfmeta.multitask import task_losses
from tfmeta.training import metric_state, task_trainer


@keras.saving.register_keras_serializable("tfmeta")
class MultiTaskModel(task_trainer.TaskTrainer, keras.Model):
    """A functional Keras model whose outputs are tasks.

    It is made, compiled, trained, evaluated and saved as `keras.Model(inputs,
    outputs)` is, and with a usual optimizer it trains as that does. Compiled
    with an optimizer of task gradients, such as
    `tfmeta.optimizers.PCGrad(keras.optimizers.Adam(1e-3))`, each step makes one
    gradient for each output that has a loss, and the optimizer resolves their
    conflicts:

    - Surgery is on the gradients of shared variables: those that the losses of
      two or more tasks depend on.
    - Variables that one task alone depends on follow their own task's gradient.
    - The losses that layers and regularizers add (`losses`) belong to no task.
      Their gradients are added after the surgery.

    The tasks may share their input, and the forward pass with it. Or they may
    have data of their own: then the model maps a dict of inputs to a dict of
    outputs with the same names, and each task's passes go through its own batch
    alone. `tfmeta.networks.join_tasks` makes the graph, whose `input` and
    `output` are the arguments here, and `tfmeta.multitask.zip_tasks` the data.

    Layers that learn otherwise than by gradients, such as the `Router` of
    `tfmeta.networks.routing_networks`, have a method `learn_from_losses`. Each
    step calls it with a dict of the losses of the tasks' examples, see
    `tfmeta.layers.LearnsFromLosses`.

    Surgery holds the T gradients of all shared variables at a time, T times
    what a usual step holds, or of a part of them: see `gradient_parts` of
    `compile`.

    Args:
        inputs: as for `keras.Model`.
        outputs: a tensor, or a list or dict of tensors. In a dict the keys name
            the tasks, else the layers that make them.
        name: the model's name.
        **kwargs: see `keras.Model`.

    Raises:
        InputError: if the outputs are nested deeper, or two have one name.
    """

    # The arguments are named as those of Keras' functional models: by this
    # Keras knows that it can rebuild the model from its graph.
    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        task_losses.output_keys(self.output, self.output_names)
        self._task_losses: task_losses.TaskLosses | None = None
        # Keras follows what this list holds: what leaves it when the model is
        # compiled anew leaves its metrics, too.
        self._loss_trackers: list[keras.metrics.Metric] = []

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks, the outputs with a loss, in their order.

        Raises:
            InputError: if the model is not compiled.
        """
        return self._compiled_losses.names

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        *,
        weighting=None,
        gradient_parts: int = 1,
        measure_curvature: bool = False,
        **kwargs,
    ):
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer, for the (weighted) sum of the losses
                in one backward pass, or an optimizer of task gradients.
            loss: a loss for each task, as in Keras: in a dict or a list, or one
                for all outputs. An output without a loss is no task.
            loss_weights: a constant for each task's loss, as in Keras.
            metrics: as in Keras.
            weighting: see `TaskTrainer`; on top of `loss_weights`.
            gradient_parts: see `TaskTrainer`. The passes go down to each part
                anew: with 4 parts a step takes up to twice the time.
            measure_curvature: see `TaskTrainer`.
            **kwargs: see `keras.Model.compile`.

        Raises:
            InputError: if the losses do not fit the outputs, the weighting is
                unknown, `gradient_parts` is not positive, or above 1 where no
                task gradients are made.
        """
        losses = task_losses.TaskLosses(
            self.output, self.output_names, loss, loss_weights
        )
        num_tasks = len(losses.names)
        loss_weighting = task_trainer.get_weighting(weighting, num_tasks)
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self._compile_descent(
            optimizer,
            loss_weighting,
            num_tasks=num_tasks,
            gradient_parts=gradient_parts,
            measure_curvature=measure_curvature,
            task_names=losses.names,
        )
        self._task_losses = losses
        self._loss_trackers.clear()
        if num_tasks > 1:
            self._loss_trackers.extend(
                keras.metrics.Mean(f"{name}_loss") for name in losses.names
            )

    def get_compile_config(self):
        """Returns the arguments of `compile`, serialized."""
        if self._task_losses is None:
            return super().get_compile_config()
        return super().get_compile_config() | {
            "loss": keras.saving.serialize_keras_object(self._task_losses.loss),
            "loss_weights": keras.saving.serialize_keras_object(
                self._task_losses.loss_weights
            ),
        }

    def _build_metrics(self, batch):
        _, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if _paths(y) == _paths(self.output):
            metric_state.build(self, y, self.output)

    def train_step(self, data):
        """Makes one step from a batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        state = [tf.convert_to_tensor(v) for v in self.non_trainable_variables]
        with tf.GradientTape(persistent=True) as tape:
            predictions = self(x, training=True)
            losses = self._compute_losses(y, predictions, sample_weight)
            common_losses = self._compute_common_losses()

        def losses_of(predictions):
            return tf.stack(
                self._compute_losses(y, predictions, sample_weight).weighted
            )

        # Before another forward pass, which draws anew what it is about.
        self._show_losses_to_layers(y, predictions, sample_weight)
        self._descend(
            recorded.RecordedPass(
                tape,
                losses.weighted,
                common_losses,
                self._network_variables(),
                self.task_names,
                # The state holds the seeds of the first pass's noise.
                repeat=lambda: losses_of(
                    self.stateless_call(
                        self.trainable_variables, state, x, training=True
                    )[0]
                ),
                renew=lambda: losses_of(self(x, training=True)),
            )
        )
        self._track_losses(losses, predictions)
        loss_tracker = next(m for m in self.metrics if m.name == "loss")
        loss_tracker.update_state(
            replicas.count() * tf.add_n([*losses.weighted, *common_losses]),
            sample_weight=tf.shape(tf.nest.flatten(x)[0])[0],
        )
        return self.compute_metrics(
            x, y, predictions, sample_weight=sample_weight
        )

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Computes the sum that `evaluate` reports, see `keras.Model`."""
        del x, training
        losses = self._compute_losses(y, y_pred, sample_weight)
        self._track_losses(losses, y_pred)
        return tf.add_n([*losses.weighted, *self._compute_common_losses()])

    def _check_labels(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return x, self._compiled_losses.check_labels(y), sample_weight

    @property
    def _compiled_losses(self) -> task_losses.TaskLosses:
        if self._task_losses is None:
            raise errors.InputError(task_trainer.NOT_COMPILED)
        return self._task_losses

    def _compute_losses(self, y, predictions, sample_weight) -> "_Losses":
        losses = self._compiled_losses(y, predictions, sample_weight)
        return _Losses(losses, self._compiled_losses.apply_weights(losses))

    def _compute_common_losses(self) -> list[tf.Tensor]:
        """Returns what layers and regularizers add, as scalars."""
        return [
            tf.reduce_sum(tf.cast(loss, keras.config.floatx()))
            / replicas.count()
            for loss in self.losses
        ]

    def _show_losses_to_layers(self, y, predictions, sample_weight) -> None:
        """Lets layers learn that no gradient reaches."""
        learning = [
            layer
            for layer in self._flatten_layers(include_self=False)
            if isinstance(layer, loss_learners.LearnsFromLosses)
        ]
        if learning:
            losses = self._compiled_losses.of_examples(
                y, predictions, sample_weight
            )
            for layer in learning:
                layer.learn_from_losses(losses)

    def _track_losses(self, losses: "_Losses", predictions) -> None:
        """Adds to the means that are reported as `<task>_loss`."""
        for tracker, loss, size in zip(
            self._loss_trackers,
            losses.plain,
            self._compiled_losses.batch_sizes(predictions),
            strict=False,  # A single task has none.
        ):
            tracker.update_state(replicas.count() * loss, sample_weight=size)


class _Losses(NamedTuple):
    """The tasks' losses, as they are and times `loss_weights`.

    With several replicas each has its share, so that their sum is the loss.
    """

    plain: list[tf.Tensor]
    weighted: list[tf.Tensor]


def _paths(nested) -> list:
    return [path for path, _ in keras.tree.flatten_with_path(nested)]
