"""A Keras optimizer that takes one gradient for each task."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.gradients import gramian as gramian_lib
from tfmeta.gradients import replicas
from tfmeta.optimizers import gradient_checks
from tfmeta.optimizers import inner_optimizer as inner_optimizer_lib

REDUCTIONS = ("sum", "mean")


class TaskGradientOptimizer(keras.optimizers.Optimizer, abc.ABC):
    """Combines the gradients of tasks and leaves the rest to an optimizer.

    A subclass is a function from the Gramian of the task gradients to a weight
    for each task. The inner optimizer gets their weighted sum, once: clipping,
    weight decay, moving averages, schedules and loss scaling are its own, and
    its state is the only one, but for methods that say otherwise.

    A `tfmeta.multitask.MultiTaskModel` or a learner that is compiled with it
    calls `apply_task_gradients`; a training loop of one's own does the same.
    Keras' other models have one gradient, of the summed loss: too late.

    Under `tf.distribute` the task gradients of all replicas are summed, or
    gathered where each has other tasks, before the surgery, so that the update
    is that of one replica with the whole batch. The inner optimizer clips that.

    In half precision the loss scale goes inside, around the inner optimizer:
    `PCGrad(LossScaleOptimizer(Adam()))`; see `with_inner_loss_scale`.

    A loop whose steps no Keras optimizer makes, such as a trust region's, does
    without: `PCGrad(None)` only weighs, see `weigh`.

    Args:
        inner_optimizer: a Keras optimizer, or the name of one; or None.
        reduction: what becomes of gradients that are the same for all tasks:
            `"sum"` adds them up, `"mean"`, fit for a learner whose meta-batch
            is a sample of tasks, averages them. It is one factor, the number of
            tasks, for all methods, whichever of the two their papers chose.
        seed: integer seed of the method's random choices. Together with
            `iterations` it fixes them: a resumed run makes the same.
        name: the optimizer's name.

    Raises:
        InputError: if the inner optimizer or the reduction is none that is
            named above, or the inner optimizer cannot take combined gradients.
    """

    def __init__(
        self,
        inner_optimizer,
        *,
        reduction: str = "sum",
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(learning_rate=0.0, name=name)
        self._untrack_variable(self._learning_rate)
        if inner_optimizer is not None:
            # Its steps are the ones that count.
            self._untrack_variable(self._iterations)
        if reduction not in REDUCTIONS:
            raise errors.InputError(
                f"reduction={reduction!r} is unknown: expected one of "
                f"{', '.join(REDUCTIONS)}"
            )
        self.inner_optimizer: Any = (
            None
            if inner_optimizer is None
            else inner_optimizer_lib.check(inner_optimizer)
        )
        self._reduction = reduction
        self._seed = seed
        self._num_tasks: int | None = None
        self._is_prepared = False
        self._last_gramian: Any = None

    @abc.abstractmethod
    def task_weights(self, gramian: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Computes the weights whose update adds up equal gradients.

        Args:
            gramian: `[tasks, tasks]`, finite, float32 or float64.
            seed: `[2]` integers, another pair at each step.

        Returns:
            `[tasks]`, finite even where gradients are zero.
        """

    def build_task_state(self, num_tasks: int) -> None:
        """Makes variables whose shape depends on the number of tasks.

        For a method that has some; the others have none.

        Args:
            num_tasks: the number of tasks.
        """
        del num_tasks

    @property
    def num_tasks(self) -> int | None:
        """The number of tasks; None as long as it is not known.

        The first step tells it. A method with state of tasks needs it earlier
        to restore a checkpoint or to train on several replicas: whoever knows
        it, as a model with tasks does when it is compiled, sets it.
        """
        return self._num_tasks

    @num_tasks.setter
    def num_tasks(self, num_tasks: int) -> None:
        if num_tasks == self._num_tasks:
            return
        if any(
            variable is not self._iterations for variable in self._variables
        ):
            raise errors.InputError(
                f"num_tasks={num_tasks}: {type(self).__name__} already has "
                f"state for {self._num_tasks} tasks"
            )
        self._num_tasks = num_tasks
        self._is_prepared = False
        if self.built:
            self._prepare_tasks(num_tasks)

    @property
    def last_gramian(self) -> Any:
        """Variable: the Gramian `[tasks, tasks]` of the last step, unscaled.

        For diagnostics, which read it after a step; None before `build`. Steps
        with another number of tasks than the first, or with one that their
        graph does not know, do not record it.
        """
        return self._last_gramian

    def apply_task_gradients(
        self,
        task_gradients: Sequence[Any],
        variables: Sequence[Any],
        *,
        other_gradients: Sequence[Any] = (),
        other_variables: Sequence[Any] = (),
        task_names: Sequence[str] | None = None,
        split: replicas.Split = replicas.Split.EXAMPLES,
    ) -> None:
        """Makes one step from the gradients of all tasks.

        All gradients are those of losses that went through `scale_loss`.

        Args:
            task_gradients: for each shared variable, the gradients of all tasks
                `[tasks, *variable.shape]`, zeros for a task that does not use
                it.
            variables: the shared variables, each once.
            other_gradients: gradients without conflict: of variables that one
                task alone has, or of a regularizer. May be None.
            other_variables: their variables, each once. For a shared variable
                the gradient is added to the combined one.
            task_names: the tasks' names, for error messages.
            split: what the replicas of a `tf.distribute` strategy share out:
                examples of every task, whose gradients are summed, or the tasks
                themselves, whose gradients are gathered.

        Raises:
            InputError: if the gradients do not fit the variables or each other,
                or a task's are not finite, with the names or numbers of such
                tasks. In a graph the latter is TensorFlow's
                `InvalidArgumentError`; the variables are left as they were. XLA
                has no assertions: it makes a NaN of it, as Keras does. With a
                loss scale the step is skipped, and the scale lowered.
        """
        if self.inner_optimizer is None:
            raise errors.InputError(
                f"{type(self).__name__}(None) only weighs: expected an inner "
                "optimizer"
            )
        variables, other_variables = list(variables), list(other_variables)
        gradient_checks.check_unique(variables, "variables", self._var_key)
        gradient_checks.check_unique(
            other_variables, "other_variables", self._var_key
        )
        tensors = gradient_checks.check_task_gradients(
            task_gradients, variables
        )
        if len(other_gradients) != len(other_variables):
            raise errors.InputError(
                f"other_gradients: got {len(other_gradients)} for "
                f"{len(other_variables)} variables"
            )
        others = {
            self._var_key(variable): (gradient, variable)
            for gradient, variable in zip(
                other_gradients, other_variables, strict=True
            )
            if gradient is not None
        }
        keys = {self._var_key(variable) for variable in variables}
        if not self.built:
            self.build(
                variables
                + [v for v in other_variables if self._var_key(v) not in keys]
            )

        # All replicas get all gradients, which one of them hands on.
        tensors = replicas.join(tensors, split)
        summed = replicas.sum_over_replicas(
            [gradient for gradient, _ in others.values()]
        )
        others = {
            key: (gradient, variable)
            for gradient, (key, (_, variable)) in zip(
                summed, others.items(), strict=True
            )
        }

        pairs = []
        if tensors:
            weights = self.weigh(
                gramian_lib.compute_gramian(tensors), task_names=task_names
            )
            combined = gramian_lib.combine(tensors, weights)
            for gradient, variable in zip(combined, variables, strict=True):
                other, _ = others.pop(self._var_key(variable), (None, None))
                if other is not None:
                    gradient += tf.cast(
                        tf.convert_to_tensor(other), gradient.dtype
                    )
                pairs.append((gradient, variable))
        pairs += others.values()
        if not pairs:
            raise errors.InputError(
                "task_gradients, other_gradients: no gradient for any variable"
            )
        self.inner_optimizer.apply(
            replicas.zero_but_on_first([gradient for gradient, _ in pairs]),
            [variable for _, variable in pairs],
        )

    def weigh(
        self, gramian: tf.Tensor, *, task_names: Sequence[str] | None = None
    ) -> tf.Tensor:
        """Computes a step's weights, for a loop that combines by itself.

        `combine(task_gradients, weights)` is the update. A loop with steps of
        its own is done with that. Otherwise it goes as `other_gradients` into
        `apply_task_gradients`, with no task gradients. Or one backward pass
        makes it, that of the losses times these weights: no more than one
        gradient is held then.

        Args:
            gramian: `[tasks, tasks]`, see `compute_gramian`, of the gradients
                of losses that went through `scale_loss`.
            task_names: the tasks' names, for error messages.

        Returns:
            `[tasks]`, with the reduction applied.

        Raises:
            InputError: if a task's gradient is not finite, as
                `apply_task_gradients`, the method has state for another number
                of tasks, or the optimizer is not built.
        """
        if not self.built:
            raise errors.InputError("weigh: call build(variables) first")
        self._prepare_tasks(gramian.shape[0])
        scale = None
        if self.inner_optimizer is not None:
            scale = inner_optimizer_lib.loss_scale(self.inner_optimizer)
        if scale is None:
            gramian = gradient_checks.assert_finite(gramian, task_names)
        else:
            gramian /= tf.cast(scale, gramian.dtype) ** 2
        if gramian.shape[0] is not None and gramian.shape[0] == self._num_tasks:
            self._last_gramian.assign(tf.cast(gramian, tf.float32))
        # Solvers may not end on a NaN. All methods take zeros.
        finite = tf.reduce_all(tf.math.is_finite(gramian))
        weights = self.task_weights(
            tf.where(finite, gramian, 0),
            tf.stack(
                [
                    tf.constant(self._seed, tf.int64),
                    tf.cast(tf.convert_to_tensor(self.iterations), tf.int64),
                ]
            ),
        )
        weights = tf.where(finite, weights, float("nan"))
        if self._reduction == "mean":
            weights /= tf.cast(tf.shape(weights)[0], weights.dtype)
        if self.inner_optimizer is None:
            self._iterations.assign_add(1)
        return weights

    def apply(self, grads, trainable_variables=None):
        """Refuses one gradient per variable.

        Raises:
            InputError: always.
        """
        raise errors.InputError(
            f"{type(self).__name__} got one summed gradient, which holds no "
            "conflict to resolve: use a tfmeta.multitask.MultiTaskModel, a "
            "learner, or apply_task_gradients (with a loss scale inside: "
            f"{type(self).__name__}(LossScaleOptimizer(...)))"
        )

    def build(self, variables):
        """Makes the inner optimizer's state.

        Args:
            variables: all variables that are to be trained; none without an
                inner optimizer.
        """
        if not self.built:
            if self.inner_optimizer is not None:
                self.inner_optimizer.build(variables)
            # Past the tracking of attributes: the next step makes it anew, so
            # it is no part of the state, and its shape is not known here.
            self.__dict__["_last_gramian"] = tf.Variable(
                tf.zeros((0, 0)),
                shape=(None, None),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name="last_gramian",
            )
            super().build(variables)
        self._prepare_tasks(self._num_tasks)

    @property
    def variables(self):
        """The state: the inner optimizer's, then the method's."""
        if self.inner_optimizer is None:
            return list(self._variables)
        return [*self.inner_optimizer.variables, *self._variables]

    @property
    def learning_rate(self):
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        """The number of steps made; without an inner optimizer, weighed."""
        if self.inner_optimizer is None:
            return self._iterations
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        """Multiplies a loss by the inner optimizer's loss scale."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        """Sets variables to their moving averages, if the inner one has."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Excludes variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def save_own_variables(self, store):
        """Saves the method's state; Keras visits the inner one by itself."""
        for number, variable in enumerate(self._variables):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store):
        """Loads the method's state, see `save_own_variables`.

        Raises:
            InputError: if the saved optimizer had other state.
        """
        if len(store.keys()) != len(self._variables):
            raise errors.InputError(
                f"{self.name}: the saved optimizer has {len(store.keys())} "
                f"variables of its own, expected {len(self._variables)}; set "
                "num_tasks if the method has state for each task"
            )
        for number, variable in enumerate(self._variables):
            variable.assign(store[str(number)])

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return {
            "inner_optimizer": keras.saving.serialize_keras_object(
                self.inner_optimizer
            ),
            "reduction": self._reduction,
            "seed": self._seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuilds an optimizer from `get_config`."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(
            config.pop("inner_optimizer"), custom_objects=custom_objects
        )
        return cls(inner, **config)

    def _prepare_tasks(self, num_tasks: int | None) -> None:
        """Takes note of the number of tasks, and makes state for them."""
        if self._num_tasks is None:
            self._num_tasks = num_tasks
        if self._num_tasks is None or self._is_prepared:
            return
        self._is_prepared = True
        self.build_task_state(self._num_tasks)
        if not replicas.is_one_of_several():
            with tf.init_scope():
                # XLA cannot change a variable's shape.
                self._last_gramian.assign(
                    tf.zeros((self._num_tasks, self._num_tasks))
                )


def with_inner_loss_scale(optimizer):
    """Puts a loss scale that is around the surgery inside it.

    Keras wraps the optimizer of a model in mixed_float16 when it is compiled,
    and would unscale one gradient per variable before the surgery sees it.

    Args:
        optimizer: any Keras optimizer.

    Returns:
        For `LossScaleOptimizer(PCGrad(adam))` the same PCGrad, now
        `PCGrad(LossScaleOptimizer(adam))`, and likewise for the other methods.
        Any other optimizer as it came.
    """
    scaling = keras.optimizers.LossScaleOptimizer
    if not isinstance(optimizer, scaling) or not isinstance(
        optimizer.inner_optimizer, TaskGradientOptimizer
    ):
        return optimizer
    surgery = optimizer.inner_optimizer
    if isinstance(surgery.inner_optimizer, scaling):
        return surgery  # A loaded one, which Keras has wrapped again.
    surgery.inner_optimizer = scaling(
        surgery.inner_optimizer,
        initial_scale=optimizer.initial_scale,
        dynamic_growth_steps=optimizer.dynamic_growth_steps,
    )
    return surgery
