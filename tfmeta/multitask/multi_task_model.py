"""A Keras model with one loss, and one gradient, for each task."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.multitask import shared_gradients, task_losses
from tfmeta.multitask.weightings import by_name
from tfmeta.multitask.weightings import weighting as weighting_lib
from tfmeta.optimizers import gramian, replicas, task_gradient_optimizer
from tfmeta.training import step_curvature

_NOT_COMPILED = "the model has no losses: call compile(loss=...) first"


@keras.saving.register_keras_serializable("tfmeta")
class MultiTaskModel(keras.Model):
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
    step calls it with a dict of the tasks' losses, unweighted.

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

    optimizer: keras.optimizers.Optimizer

    # The arguments are named as those of Keras' functional models: by this
    # Keras knows that it can rebuild the model from its graph.
    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        task_losses.output_keys(self.output, self.output_names)
        self._task_losses: task_losses.TaskLosses | None = None
        self._gradient_parts = 1
        self._step_curvature: step_curvature.StepCurvature | None = None
        # Keras follows what these lists hold: what leaves them when the model
        # is compiled anew leaves its variables and metrics, too.
        self._weightings: list[weighting_lib.Weighting] = []
        self._loss_trackers: list[keras.metrics.Metric] = []

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks, the outputs with a loss, in their order.

        Raises:
            InputError: if the model is not compiled.
        """
        return self._compiled_losses.names

    @property
    def weighting(self) -> weighting_lib.Weighting:
        """The loss weighting.

        Raises:
            InputError: if the model is not compiled.
        """
        if not self._weightings:
            raise errors.InputError(_NOT_COMPILED)
        return self._weightings[0]

    @property
    def last_curvature(self) -> tf.Variable | None:
        """Variable `[2]`: what `StepCurvature.last` tells of the last step.

        None unless the model is compiled with `measure_curvature`.
        """
        if self._step_curvature is None:
            return None
        return self._step_curvature.last

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
            weighting: what weights the losses, on top of `loss_weights`, before
                they are summed or given to the surgery: a
                `tfmeta.multitask.weightings.Weighting` or its name; by default
                all weights are 1. The reported losses are not weighted by it.
            gradient_parts: the number of parts, of about equal size, into which
                the shared variables are split to save memory. With more than
                one, a step holds the T gradients of one part at a time, for
                their share of the Gramian, and makes the update by one more
                backward pass. It is the same update. The passes go down to
                each part anew: with 4 parts a step takes up to twice the time.
            measure_curvature: whether each step measures how the weighted sum
                of the tasks' losses curves along it, for `last_curvature` and
                `tfmeta.training.ConflictMonitor`. It takes a backward pass of
                the sum and, after the step, a forward pass with the same noise.
                Training is the same.
            **kwargs: see `keras.Model.compile`.

        Raises:
            InputError: if the losses do not fit the outputs, the weighting is
                unknown, `gradient_parts` is not positive, or above 1 where no
                task gradients are made.
        """
        losses = task_losses.TaskLosses(
            self.output, self.output_names, loss, loss_weights
        )
        layer = by_name.get(weighting)
        layer.build_for(len(losses.names))
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self.optimizer = task_gradient_optimizer.with_inner_loss_scale(
            self.optimizer
        )
        if self._does_surgery:
            self.optimizer.num_tasks = len(losses.names)
        makes_task_gradients = self._does_surgery or layer.needs_gradient_norms
        if gradient_parts < 1 or (
            gradient_parts > 1 and not makes_task_gradients
        ):
            raise errors.InputError(
                f"gradient_parts={gradient_parts}: expected 1, or more with an "
                f"optimizer of task gradients; the optimizer is {optimizer!r}"
            )
        self._task_losses = losses
        self._gradient_parts = gradient_parts
        self._step_curvature = (
            step_curvature.StepCurvature() if measure_curvature else None
        )
        self._weightings.clear()
        self._weightings.append(layer)
        self._loss_trackers.clear()
        if len(losses.names) > 1:
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
            "weighting": keras.saving.serialize_keras_object(self.weighting),
            "gradient_parts": self._gradient_parts,
            "measure_curvature": self._step_curvature is not None,
        }

    def compile_from_config(self, config):
        """Compiles as the saved model was, with its optimizer's state."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        **kwargs,
    ):
        """Trains the model, as `keras.Model.fit` does.

        A sample weight is one tensor for all tasks, or a dict or list with one
        for each.

        Returns:
            The `keras.callbacks.History`.

        Raises:
            InputError: if the data do not fit the outputs, or a task's loss
                depends on no trainable variable.
        """
        next_epoch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.weighting.start_epoch()
        )
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(next_epoch)
        else:
            callbacks = [*tf.nest.flatten(callbacks or []), next_epoch]
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            **kwargs,
        )

    def train_step(self, data):
        """Makes one step from a batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.optimizer.built:
            # Its variables are to be in the model's order, as restored ones.
            self.optimizer.build(self.trainable_variables)
        state = [tf.convert_to_tensor(v) for v in self.non_trainable_variables]
        with tf.GradientTape(persistent=True) as tape:
            predictions = self(x, training=True)
            losses = self._compute_losses(y, predictions, sample_weight)
            other_losses = self._compute_other_losses()
        step_losses = replicas.sum_over_replicas(tf.stack(losses.weighted))
        weights, weighting_gradients = self._weigh(step_losses)
        backward = _Backward(
            tape,
            losses.weighted,
            [self.optimizer.scale_loss(w) for w in tf.unstack(weights)],
            other_losses,
            self.optimizer.scale_loss(tf.ones((), weights.dtype)),
            weighting_gradients,
        )
        step = None
        if self._step_curvature is not None:
            step = self._step_curvature.start(
                self._network_variables(),
                tf.reduce_sum(weights * tf.stack(losses.weighted)),
                self._differentiate_sum(backward),
            )
        gradient_norms = None
        if self._does_surgery or self.weighting.needs_gradient_norms:
            gradient_norms = self._descend_tasks(backward)
        else:
            self._descend_sum(backward)
        # Before another forward pass, which draws anew what it is about.
        self._tell_layers(losses)
        if step is not None:
            # The state holds the seeds of the first pass's noise.
            again, _ = self.stateless_call(
                self.trainable_variables, state, x, training=True
            )
            moved = self._compute_losses(y, again, sample_weight)
            step.finish(tf.reduce_sum(weights * tf.stack(moved.weighted)))
        new_losses = None
        if self.weighting.needs_new_losses:
            again = self._compute_losses(
                y, self(x, training=True), sample_weight
            )
            new_losses = replicas.sum_over_replicas(tf.stack(again.weighted))
        self.weighting.update(
            step_losses, gradient_norms=gradient_norms, new_losses=new_losses
        )
        self._track_losses(losses, predictions)
        loss_tracker = next(m for m in self.metrics if m.name == "loss")
        loss_tracker.update_state(
            replicas.count() * tf.add_n([*losses.weighted, *other_losses]),
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
        return tf.add_n([*losses.weighted, *self._compute_other_losses()])

    @property
    def _compiled_losses(self) -> task_losses.TaskLosses:
        if self._task_losses is None:
            raise errors.InputError(_NOT_COMPILED)
        return self._task_losses

    @property
    def _does_surgery(self) -> bool:
        return isinstance(
            self.optimizer, task_gradient_optimizer.TaskGradientOptimizer
        )

    @property
    def _names_in_messages(self) -> list[str] | None:
        # XLA knows no strings; nor would it print them.
        return None if self.jit_compile else self.task_names

    def _compute_losses(self, y, predictions, sample_weight) -> "_Losses":
        losses = self._compiled_losses(y, predictions, sample_weight)
        return _Losses(losses, self._compiled_losses.apply_weights(losses))

    def _compute_other_losses(self) -> list[tf.Tensor]:
        """Returns what layers and regularizers add, as scalars."""
        return [
            tf.reduce_sum(tf.cast(loss, keras.config.floatx()))
            / replicas.count()
            for loss in self.losses
        ]

    def _tell_layers(self, losses: "_Losses") -> None:
        """Lets layers learn that no gradient reaches."""
        by_task = dict(zip(self.task_names, losses.plain, strict=True))
        for layer in self._flatten_layers(include_self=False):
            if hasattr(layer, "learn_from_losses"):
                layer.learn_from_losses(by_task)

    def _track_losses(self, losses: "_Losses", predictions) -> None:
        """Adds to the means that are reported as `<task>_loss`."""
        for tracker, loss, size in zip(
            self._loss_trackers,
            losses.plain,
            self._compiled_losses.batch_sizes(predictions),
            strict=False,  # A single task has none.
        ):
            tracker.update_state(replicas.count() * loss, sample_weight=size)

    def _weigh(self, losses: tf.Tensor) -> tuple[tf.Tensor, "_Pairs"]:
        """Returns weights `[T]`, and gradients for the weighting itself."""
        with tf.GradientTape() as tape:
            weights = self.weighting(losses)
            objective = tf.reduce_sum(weights * losses)
            objective += self.weighting.penalty()
            objective = self.optimizer.scale_loss(objective / replicas.count())
        variables = self.weighting.trainable_variables
        gradients = tape.gradient(objective, variables)
        return weights, list(zip(gradients, variables, strict=True))

    def _network_variables(self) -> list[keras.Variable]:
        own = {id(v) for v in self.weighting.trainable_variables}
        return [v for v in self.trainable_variables if id(v) not in own]

    def _descend_sum(self, backward: "_Backward") -> None:
        """Updates by one backward pass of the weighted sum."""
        variables = self._network_variables()
        gradients = backward.tape.gradient(
            [*backward.losses, *backward.other_losses],
            variables,
            output_gradients=[
                *backward.seeds,
                *[backward.scale] * len(backward.other_losses),
            ],
        )
        self.optimizer.apply_gradients(
            [
                *zip(gradients, variables, strict=True),
                *backward.weighting_gradients,
            ]
        )

    def _descend_tasks(self, backward: "_Backward") -> tf.Tensor | None:
        """Updates by one backward pass per task.

        Returns:
            The norms `[T]` of the gradients of the unweighted losses with
            respect to the shared variables, if the weighting needs them.
        """
        variables = self._network_variables()
        split = shared_gradients.differentiate_tasks(
            backward.tape,
            backward.losses,
            backward.seeds,
            variables,
            self.task_names,
        )
        others = [
            *zip(split.own, split.own_variables, strict=True),
            *backward.weighting_gradients,
        ]
        if backward.other_losses:
            gradients = backward.tape.gradient(
                backward.other_losses,
                variables,
                output_gradients=[backward.scale] * len(backward.other_losses),
            )
            others += zip(gradients, variables, strict=True)
        whole = self._does_surgery and self._gradient_parts == 1
        products = None
        if self.weighting.needs_gradient_norms or not whole:
            products = self._compute_gramian(backward, split)
        if whole:
            self._apply_tasks(split.shared, split.shared_variables, others)
        else:
            seeds = backward.seeds
            if self._does_surgery:
                weights = self.optimizer.weigh(
                    products, task_names=self._names_in_messages
                )
                seeds = tf.unstack(weights * tf.stack(seeds))
            combined = backward.tape.gradient(
                backward.losses, split.shared_variables, output_gradients=seeds
            )
            others += zip(combined, split.shared_variables, strict=True)
            if self._does_surgery:
                self._apply_tasks([], [], others)
            else:
                self.optimizer.apply_gradients(_add_up(others))
        if not self.weighting.needs_gradient_norms:
            return None
        return tf.sqrt(tf.linalg.diag_part(products)) / tf.stack(backward.seeds)

    def _differentiate_sum(self, backward: "_Backward") -> list[Any]:
        """Returns gradients of the weighted sum of the tasks' losses."""
        gradients = backward.tape.gradient(
            backward.losses,
            self._network_variables(),
            output_gradients=backward.seeds,
        )
        return [
            None if g is None else tf.convert_to_tensor(g) / backward.scale
            for g in gradients
        ]

    def _compute_gramian(self, backward: "_Backward", split) -> tf.Tensor:
        """Returns the products `[T, T]` of the tasks' shared gradients."""
        if not split.shared:
            raise errors.InputError(
                f"the tasks {', '.join(self.task_names)} share no trainable "
                "variable: expected some for GradNorm or gradient_parts > 1"
            )
        if self._gradient_parts == 1:
            return gramian.compute_gramian(
                replicas.sum_over_replicas(split.shared)
            )
        products = tf.zeros((len(backward.losses),) * 2)
        for part in shared_gradients.split_evenly(
            split.shared_variables, self._gradient_parts
        ):
            # The executor would else make the gradients of all parts at once.
            with tf.control_dependencies([products]):
                gradients = shared_gradients.differentiate_tasks(
                    backward.tape,
                    backward.losses,
                    backward.seeds,
                    part,
                    self.task_names,
                ).shared
                products += gramian.compute_gramian(
                    replicas.sum_over_replicas(gradients)
                )
        return products

    def _apply_tasks(self, gradients, variables, others: "_Pairs") -> None:
        others = _add_up(others)
        self.optimizer.apply_task_gradients(
            gradients,
            variables,
            other_gradients=[gradient for gradient, _ in others],
            other_variables=[variable for _, variable in others],
            task_names=self._names_in_messages,
        )


class _Losses(NamedTuple):
    """The tasks' losses, as they are and times `loss_weights`.

    With several replicas each has its share, so that their sum is the loss.
    """

    plain: list[tf.Tensor]
    weighted: list[tf.Tensor]


_Pairs = list[tuple[Any, keras.Variable]]


class _Backward(NamedTuple):
    """What the backward passes of a step start from.

    Attributes:
        tape: persistent, it has recorded all losses.
        losses: a scalar for each task.
        seeds: what multiplies each: its weight times `scale`.
        other_losses: scalars that belong to no task.
        scale: the optimizer's loss scale.
        weighting_gradients: gradients for the weighting's own variables.
    """

    tape: tf.GradientTape
    losses: list[tf.Tensor]
    seeds: list[tf.Tensor]
    other_losses: list[tf.Tensor]
    scale: tf.Tensor
    weighting_gradients: _Pairs


def _add_up(pairs: _Pairs) -> _Pairs:
    """Adds the gradients of each variable; those that are None are nothing."""
    sums: dict[int, tuple[Any, keras.Variable]] = {}
    for gradient, variable in pairs:
        if gradient is None:
            continue
        if id(variable) in sums:
            gradient = tf.convert_to_tensor(sums[id(variable)][0]) + gradient
        sums[id(variable)] = (gradient, variable)
    return list(sums.values())
