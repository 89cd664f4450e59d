"""What Keras' trainer lacks for models that make one gradient for each task."""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from absl import logging

from tfmeta import errors
from tfmeta.gradients import replicas, task_gradients
from tfmeta.optimizers import (
    descent,
    step_curvature,
    task_gradient_optimizer,
)
from tfmeta.training import class_labels, metric_state, xla
from tfmeta.weightings import by_name, equal
from tfmeta.weightings import weighting as weighting_lib

NOT_COMPILED = "the model has no loss: call compile(loss=...) first"

if TYPE_CHECKING:
    # It comes after this one among a subclass' bases.
    from keras import Model as _Model
else:
    _Model = object


class TaskTrainer(_Model):
    """A base, before `keras.Model`, of models whose steps are descents.

    A subclass calls `_compile_descent` in `compile` and `_descend` in
    `train_step`. Whatever the model, `compile` takes the same four arguments:

    - `weighting`: what weights the tasks' losses before they are added up or
      given to the surgery: a `tfmeta.weightings.Weighting` or its name; by
      default all weights are 1. The reported losses are not weighted by it.
    - `gradient_parts`: the number of parts, of about equal size, into which the
      shared variables are split to save memory. With more than one, a step
      holds the T gradients of one part at a time, for their share of the
      Gramian, and makes the update by one more backward pass. It is the same
      update.
    - `measure_curvature`: whether each step measures how the total of the
      tasks' weighted losses curves along it, for `last_curvature` and
      `tfmeta.training.ConflictMonitor`. It takes a backward pass of the total
      and, after the step, a forward pass with the same noise. Training is the
      same.
    - `num_tasks`: known to a model whose outputs are tasks; for a learner the
      number of tasks in a meta-batch.
    """

    optimizer: keras.optimizers.Optimizer
    jit_compile: bool
    predict_function: Any

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._descent: descent.Descent | None = None
        # Keras follows what this list holds: what leaves it when the model is
        # compiled anew leaves the model's variables, too.
        self._weightings: list[weighting_lib.Weighting] = []

    @property
    def weighting(self) -> weighting_lib.Weighting:
        """The loss weighting.

        Raises:
            InputError: if the model is not compiled.
        """
        if not self._weightings:
            raise errors.InputError(NOT_COMPILED)
        return self._weightings[0]

    @property
    def last_curvature(self) -> tf.Variable | None:
        """Variable `[2]`: what `StepCurvature.last` tells of the last step.

        None unless the model is compiled with `measure_curvature`.
        """
        if self._descent is None or self._descent.curvature is None:
            return None
        return self._descent.curvature.last

    @property
    def _gradient_parts(self) -> int:
        return 1 if self._descent is None else self._descent.gradient_parts

    def get_compile_config(self):
        """Returns the arguments of `compile`, serialized."""
        config = super().get_compile_config()
        if self._descent is None:
            return config
        return config | {
            "weighting": keras.saving.serialize_keras_object(self.weighting),
            "gradient_parts": self._descent.gradient_parts,
            "measure_curvature": self._descent.curvature is not None,
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

        Returns:
            The `keras.callbacks.History`.
        """
        next_epoch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.weighting.start_epoch()
        )
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(next_epoch)
        else:
            callbacks = [*tf.nest.flatten(callbacks or []), next_epoch]
        return super().fit(
            x, y, batch_size, epochs, verbose, callbacks, **kwargs
        )

    def make_train_function(self, force=False):
        """Makes the function that `fit` calls, as Keras does."""
        # TensorFlow traces a function again if it made variables, so the
        # optimizer's are made before; and in the model's order, as restored
        # ones.
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def make_predict_function(self, force=False):
        """Makes the function that `predict` calls, as Keras does."""
        if self.predict_function is not None and not force:
            return
        super().make_predict_function(force)
        self.predict_function = _with_named_errors(self.predict_function)

    def _make_function(self, step_function):
        # Keras' own (TensorFlowTrainer, Keras 3.15), which `fit` and `evaluate`
        # make their steps with. Labels are looked at outside of what XLA
        # compiles, so that is a function of its own.
        if not self._has_class_labels():
            # A second function costs half a millisecond a step.
            return _with_named_errors(super()._make_function(step_function))
        with self.distribute_strategy.scope():
            has_strategy = tf.distribute.has_strategy()
        if self.jit_compile and has_strategy:
            return self._make_function_of_checked(step_function)
        step = step_function
        jit_compile = self.jit_compile
        if jit_compile:
            step = tf.function(
                step_function,
                autograph=False,
                reduce_retracing=True,
                jit_compile=True,
            )
        self.jit_compile = False
        try:
            run = super()._make_function(
                lambda data: step(_together(self._check_labels(data)))
            )
        finally:
            self.jit_compile = jit_compile
        return _with_named_errors(run)

    def _make_function_of_checked(self, step_function):
        """Makes a function that is given batches with their labels checked.

        Of a strategy no step may be a function of its own ("merge_call called
        while defining a new graph"): so the look at the labels is none of
        TensorFlow's functions.
        """
        run = super()._make_function(step_function)

        def check_and_run(iterator):
            batches = list(itertools.islice(iterator, self.steps_per_execution))
            if not batches:
                raise StopIteration
            return run([self._check_labels(batch) for batch in batches])

        return _with_named_errors(check_and_run)

    def _has_class_labels(self) -> bool:
        """Whether there may be labels for `_check_labels` to look at."""
        return True

    def _check_labels(self, data: Any) -> Any:
        """Returns a batch with its class labels through `class_labels.check`.

        Args:
            data: what a step takes; if it does not fit the model, the step says
                so.
        """
        return data

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras calls this before it traces a step. Its own does nothing without
        # a strategy, and draws a batch under one (TensorFlowTrainer, Keras
        # 3.15).
        if metric_state.is_built(self):
            return
        if iterator is not None:
            data_batch = iterator.data_adapter.get_tf_dataset().element_spec
        batch = metric_state.describe(data_batch)
        if batch is not None:
            with self.distribute_strategy.scope():
                self._build_metrics(batch)

    def _build_metrics(self, batch: Any) -> None:
        """Makes the metrics' state, so that a step makes no variables.

        Args:
            batch: of `metric_state.describe`; one that does not fit the model
                is left to the step, which says why.
        """
        raise NotImplementedError

    def _compile_descent(
        self,
        optimizer: Any,
        loss_weighting: weighting_lib.Weighting,
        *,
        num_tasks: int | None,
        gradient_parts: int,
        measure_curvature: bool,
        task_names: Sequence[str] | None = None,
    ) -> None:
        """Takes note of how steps are made, after Keras' `compile`.

        Args:
            optimizer: as given, for error messages.
            loss_weighting: of `get_weighting`.
            num_tasks: the number of tasks, None if it is not known yet.
            gradient_parts: see above.
            measure_curvature: see above.
            task_names: the tasks' names, for error messages.

        Raises:
            InputError: if `gradient_parts` is not positive, or above 1 where no
                task gradients are made.
        """
        if self.jit_compile and replicas.count() > 1:
            # Keras gives the steps of all replicas to XLA as one, and XLA
            # computes on one device: "Trying to access resource ... located in
            # device ..." (tensorflow.org/xla/known_issues).
            logging.warning(
                "jit_compile: left out, for XLA cannot compile a step of %d "
                "replicas",
                replicas.count(),
            )
            self.jit_compile = False
        self.optimizer = task_gradient_optimizer.with_inner_loss_scale(
            self.optimizer
        )
        made = descent.Descent(
            self.optimizer,
            None if type(loss_weighting) is equal.Equal else loss_weighting,
            gradient_parts,
            step_curvature.StepCurvature() if measure_curvature else None,
            # XLA knows no strings; nor would it print them.
            None if self.jit_compile else task_names,
        )
        if made.does_surgery and num_tasks is not None:
            self.optimizer.num_tasks = num_tasks
        if gradient_parts < 1 or (
            gradient_parts > 1 and not made.makes_task_gradients
        ):
            raise errors.InputError(
                f"gradient_parts={gradient_parts}: expected 1, or more with an "
                f"optimizer of task gradients; the optimizer is {optimizer!r}"
            )
        self._descent = made
        self._weightings.clear()
        self._weightings.append(loss_weighting)

    def _descend(self, tasks: task_gradients.TaskPass) -> None:
        """Makes the step of a batch."""
        if self._descent is None:
            raise errors.InputError(NOT_COMPILED)
        descent.descend(tasks, self._descent)

    def _network_variables(self) -> list[keras.Variable]:
        """Returns the trainable variables but for the weighting's own."""
        own = {id(v) for w in self._weightings for v in w.trainable_variables}
        return [v for v in self.trainable_variables if id(v) not in own]


def _with_named_errors(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function whose errors of TensorFlow are lines for users."""

    def run_with_named_errors(batches):
        with class_labels.named_errors(), xla.named_errors():
            return run(batches)

    return run_with_named_errors


def _together(data: Any) -> Any:
    """Returns what can be had only after all of it can."""
    with tf.control_dependencies(
        [part for part in tf.nest.flatten(data) if isinstance(part, tf.Tensor)]
    ):
        return tf.nest.map_structure(
            lambda part: (
                tf.identity(part) if isinstance(part, tf.Tensor) else part
            ),
            data,
        )


def get_weighting(
    identifier: Any, num_tasks: int | None
) -> weighting_lib.Weighting:
    """Returns the weighting that a user means, for a number of tasks.

    Args:
        identifier: a weighting, its name, or None for weights of 1.
        num_tasks: the number of tasks, None if it is not known yet.

    Raises:
        InputError: if it is none of these, is one for another number of tasks,
            or has state of tasks whose number is not known.
    """
    found = by_name.get(identifier)
    if num_tasks is not None:
        found.build_for(num_tasks)
    elif type(found) is not equal.Equal:
        raise errors.InputError(
            f"weighting={found.name!r}: expected num_tasks, the number of "
            "tasks in a meta-batch, as well"
        )
    return found
