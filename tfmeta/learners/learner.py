"""What all meta-learners share: the train step, evaluation and saving."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

# There is no public name for what is_op_determinism_enabled tells.
from tensorflow.python.framework import config

from tfmeta import errors, export
from tfmeta.functional import functional_network, weight_posteriors
from tfmeta.gradients import mapped as task_gradients
from tfmeta.gradients import task_mapping
from tfmeta.learners import episode_checks, outer_step, query_metrics
from tfmeta.optimizers import task_gradient_optimizer
from tfmeta.regularizers import taml

_BEFORE = "before_adaptation"
_OTHER_SUPPORT = "with_other_support"
_NO_LOSS = "the learner has no loss: call compile(loss=...) first"


class QueryPredictions(NamedTuple):
    """Predictions `[tasks, queries, ...]` on the queries of a meta-batch.

    Attributes:
        adapted: after adaptation to the task's own support set.
        initial: before adaptation: what the learner knows without support.
        other_support: after adaptation to another task's support set. Where
            training tasks share their labels, a learner that scores high here
            reads the query alone: it has memorized.
    """

    adapted: Any
    initial: Any
    other_support: Any


class CommonGradients(NamedTuple):
    """What no task has for itself.

    Attributes:
        gradients: for each trainable variable one of its shape, or None where
            it has no part in the loss.
        loss: scalar.
    """

    gradients: list[tf.Tensor | None]
    loss: tf.Tensor


class Learner(keras.Model, abc.ABC):
    """A meta-learner: a Keras model whose examples are tasks.

    `fit` and `evaluate` take a `tf.data.Dataset` of meta-batches: `(support_x,
    support_y, query_x, query_y)`, each with a leading task axis. Each train
    step makes one gradient per task and gives their mean to the optimizer, or
    all to an optimizer that resolves their conflicts. The loss of a task is the
    compiled loss of its queries after adaptation, plus the losses that the
    network's layers add (a bottleneck's KL divergence, an L2 penalty), plus the
    task regularizer's. The KL divergences of posteriors over weights depend on
    no data and belong to no task: their gradient is made once a step and added
    to the mean, or to what became of the conflicts.

    Calling the learner on `(support_x, support_y, query_x)`, each with a
    leading task axis, adapts to each task and returns its query predictions.

    A subclass says how to adapt and to predict, in functions of tensors:
    `_initial`, `_adapt` and `_query`.

    Args:
        network: a built Keras model with one input and one output, which the
            learner runs as a function of its weights; or several, as one
            `NetworkParts`.
        second_order: whether training takes second derivatives of the network.
        posterior_draw: what shares one draw of theta from the posterior of a
            variational network: `"task"` (a task's support and query),
            `"meta_batch"` (all tasks of a step) or `"call"` (nothing: support
            and query draw apart). Noise of single examples, as of Dropout or a
            bottleneck, is always each call's own.
        task_regularizer: a regularizer of the tasks' predictions, such as
            `tfmeta.regularizers.TAMLEntropy`.
        mapping: how a step goes through its tasks, one of
            `tfmeta.training.TASK_MAPPINGS`, or `"auto"`: `"map"` for networks
            with convolutions and `"vectorize"` for others, the fast ones.
        seed: integer seed of all draws.
        name: name of the Keras model.

    Raises:
        InputError: if an argument is not one of those named above, or the
            network holds layers that cannot be run as a function.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        second_order: bool,
        posterior_draw: str = "task",
        task_regularizer: taml.TaskRegularizer | None = None,
        mapping: str = "auto",
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if posterior_draw not in functional_network.POSTERIOR_DRAWS:
            raise errors.InputError(
                f"posterior_draw={posterior_draw!r} is unknown: expected one "
                f"of {', '.join(functional_network.POSTERIOR_DRAWS)}"
            )
        functional_network.check_network(network, second_order=second_order)
        self.network = network
        self._posterior_draw = posterior_draw
        self._task_regularizer = task_regularizer
        self._mapping = mapping
        self._resolved_mapping = task_mapping.resolve(
            mapping, network.trainable_variables
        )
        self._seed = seed
        self._seed_generator = keras.random.SeedGenerator(seed)
        self.loss_function: Callable | None = None
        self._secondary_metrics: dict[str, query_metrics.QueryMetrics] = {}
        self._run_predict_queries: Callable = self._predict_queries
        self.built = True

    def adapted_weights(self) -> list[keras.Variable]:
        """Returns the network's variables that differ from task to task."""
        return []

    @property
    @abc.abstractmethod
    def _calls_per_task(self) -> int:
        """How often a task calls the network during training."""

    @abc.abstractmethod
    def _initial(self, weights: list[tf.Tensor]) -> Any:
        """Returns the adapted state of a task before it has any support."""

    @abc.abstractmethod
    def _adapt(
        self,
        weights: list[tf.Tensor],
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        run: functional_network.Pass,
    ) -> Any:
        """Returns the adapted state of a task after its support set."""

    @abc.abstractmethod
    def _query(
        self, adapted: Any, query_x: tf.Tensor, run: functional_network.Pass
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns predictions for the queries, and the layers' losses."""

    def _task_regularization(
        self,
        adapted: Any,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        run: functional_network.Pass,
    ) -> list[tf.Tensor]:
        """Returns further terms of a task's loss in the outer loop."""
        del adapted, support_x, support_y, run
        return []

    @property
    def _fast_under_xla(self) -> bool:
        """Whether XLA is to compile the steps, unless a user says so."""
        return self._resolved_mapping == "vectorize"

    @property
    def takes_class_labels(self) -> bool:
        """Whether the compiled loss is one of integer class labels."""
        loss = self.loss_function
        return (
            isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
            or loss is keras.losses.sparse_categorical_crossentropy
        )

    def adapt(self, support_x, support_y) -> Any:
        """Adapts to one task, as at test: stochastic layers are silent.

        Args:
            support_x: `[support, ...]`.
            support_y: `[support, ...]`, class labels or regression targets.

        Returns:
            The task's adapted state, for `predict_adapted`.

        Raises:
            InputError: if the learner is not compiled with a loss, or the
                support set is empty, or of another shape than the network
                takes.
        """
        if self.loss_function is None:
            raise errors.InputError(_NO_LOSS)
        support_x = self._cast(support_x)
        support_y = tf.convert_to_tensor(support_y)
        episode_checks.check_support(support_x, support_y, self._example_shape)
        return self._adapt(
            self._weight_values(),
            support_x,
            support_y,
            functional_network.Pass(training=False),
        )

    def predict_adapted(self, adapted: Any, query_x) -> tf.Tensor:
        """Predicts the queries `[queries, ...]` of one task after `adapt`."""
        query_x = self._cast(query_x)
        episode_checks.check_examples("query_x", query_x, self._example_shape)
        predictions, _ = self._query(
            adapted, query_x, functional_network.Pass(training=False)
        )
        return predictions

    def call(self, inputs):
        """Adapts to each task and predicts its queries.

        Args:
            inputs: `(support_x, support_y, query_x)`, each `[tasks, ...]`.

        Returns:
            Predictions `[tasks, queries, ...]`.
        """

        def one_task(task):
            support_x, support_y, query_x = task
            return self.predict_adapted(
                self.adapt(support_x, support_y), query_x
            )

        return self._map(one_task, tuple(inputs), self._weight_dtype)

    def predict_queries(self, episodes) -> QueryPredictions:
        """Predicts a meta-batch's queries after, before and despite support.

        Args:
            episodes: `(support_x, support_y, query_x, query_y)`, each
                `[tasks, ...]` with at least two tasks: the support set of task
                i - 1 is the other support of task i.

        Returns:
            The three kinds of predictions, `[tasks, queries, ...]` each.
        """
        return self._run_predict_queries(*episodes[:3])

    def _predict_queries(self, support_x, support_y, query_x):
        initial = self._initial(self._weight_values())

        def one_task(task):
            support_x, support_y, query_x, next_query_x = task
            adapted = self.adapt(support_x, support_y)
            return QueryPredictions(
                adapted=self.predict_adapted(adapted, query_x),
                initial=self.predict_adapted(initial, query_x),
                other_support=self.predict_adapted(adapted, next_query_x),
            )

        predictions = self._map(
            one_task,
            (support_x, support_y, query_x, tf.roll(query_x, -1, axis=0)),
            QueryPredictions(*[self._weight_dtype] * 3),
        )
        # Task i made its predictions for the queries of task i + 1.
        return predictions._replace(
            other_support=tf.roll(predictions.other_support, 1, axis=0)
        )

    def task_gradients(self, episodes) -> task_gradients.TaskGradients:
        """Differentiates each task's outer loss, see `common_gradients`.

        Draws anew at every call where the network is stochastic.

        Args:
            episodes: `(support_x, support_y, query_x, query_y)`, each
                `[tasks, ...]`.

        Returns:
            Gradients with respect to `trainable_variables`, losses, and as
            `outputs` the `TaskOutputs`, each `[tasks, ...]`.
        """
        step = self._differentiate(episodes)
        return step.tasks._replace(gradients=step.task_gradients())

    def common_gradients(self) -> CommonGradients:
        """Differentiates what belongs to no task: the posteriors' divergences.

        Returns:
            The `CommonGradients`.
        """
        weights = self._weight_values()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss = self._weight_posteriors().divergence(
                weights, self._next_seed()
            )
        return CommonGradients(tape.gradient(loss, weights), loss)

    def _differentiate(self, episodes) -> outer_step.OuterStep:
        """Differentiates each task's loss by what the tasks share."""
        support_x, support_y, query_x, query_y = episodes
        num_tasks = tf.shape(support_x)[0]
        draw_seed, task_seed = tf.unstack(tf.random.split(self._next_seed(), 2))
        weights = self._weight_values()
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape:
            tape.watch(weights)
            shared = self._weight_posteriors().share(
                weights, draw_seed, draw=self._posterior_draw == "meta_batch"
            )
        tasks = outer_step.OuterTask(
            self._cast(support_x),
            support_y,
            self._cast(query_x),
            query_y,
            seeds=functional_network.draw_seeds(
                self.network,
                task_seed,
                tasks=num_tasks,
                calls=self._calls_per_task,
                posterior_draw=self._posterior_draw,
            ),
            initial_loss_weight=tf.zeros((num_tasks,), self._weight_dtype),
        )
        if self._task_regularizer is not None:
            tasks = tasks._replace(
                initial_loss_weight=self._task_regularizer.initial_loss_weights(
                    self._initial_losses(shared, tasks)
                )
            )
        gradients = task_gradients.compute_task_gradients(
            self._training_loss,
            shared,
            tasks,
            mapping=self._resolved_mapping,
            output_dtypes=outer_step.TaskOutputs(*[self._weight_dtype] * 3),
        )
        return outer_step.OuterStep(gradients, shared, weights, tape)

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        jit_compile=None,
        **kwargs,
    ):
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer, which receives the mean of the task
                gradients, or one of `tfmeta.optimizers`, which receives all and
                resolves their conflicts: `PCGrad(Adam(1e-3),
                reduction="mean")`, since a meta-batch is a sample of tasks.
            loss: a Keras loss, function or name: `(y, predictions)`, used in
                the outer loop on the query set, and by gradient-based learners
                in the inner loop on the support set.
            metrics: a list of Keras metrics of the query predictions after
                adaptation; `evaluate` reports each also as
                `<name>_before_adaptation` and `<name>_with_other_support`.
            jit_compile: whether XLA compiles the steps. By default it does
                where it is fast, under the `"vectorize"` mapping, with or
                without a GPU, unless operations are to be deterministic.
            **kwargs: see `keras.Model.compile`.

        Raises:
            InputError: if there is no loss.
        """
        if loss is None:
            raise errors.InputError("loss=None: a learner needs a loss")
        if jit_compile is None:
            # Not Keras' "auto", which leaves XLA out wherever there is no GPU
            # (Trainer._resolve_auto_jit_compile, Keras 3.15).
            jit_compile = (
                self._fast_under_xla and not config.is_op_determinism_enabled()
            )
        super().compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            jit_compile=jit_compile,
            **kwargs,
        )
        self.loss_function = keras.losses.get(loss)
        # A graph holds on to the loss that it was traced with.
        self._run_predict_queries = tf.function(
            self._predict_queries, reduce_retracing=True
        )
        self._secondary_metrics = {
            kind: query_metrics.QueryMetrics(metrics or [], kind)
            for kind in (_BEFORE, _OTHER_SUPPORT)
        }

    def compile_from_config(self, config):
        """Compiles as the saved learner was, with its optimizer's state."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force=False):
        """Makes the function that `fit` calls, as Keras does."""
        # TensorFlow traces a function again if it made variables, so the
        # optimizer's are made before.
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, data):
        """Makes one outer step from a meta-batch of episodes."""
        episodes = episode_checks.check_meta_batch(data, self._example_shape)
        step = self._differentiate(episodes)
        common = self.common_gradients()
        self._apply(step, common.gradients)
        outputs = step.tasks.outputs
        logs = self._update_metrics(
            episodes[3], outputs.predictions, outputs.query_loss
        )
        logs["regularization"] = common.loss + tf.reduce_mean(
            outputs.regularization
        )
        return logs

    def _apply(self, step: outer_step.OuterStep, common_gradients) -> None:
        """Gives the optimizer what it takes: all task gradients, or one."""
        variables = self.trainable_variables
        if isinstance(
            self.optimizer, task_gradient_optimizer.TaskGradientOptimizer
        ):
            self.optimizer.apply_task_gradients(
                [self.optimizer.scale_loss(g) for g in step.task_gradients()],
                variables,
                other_gradients=[
                    g if g is None else self.optimizer.scale_loss(g)
                    for g in common_gradients
                ],
                other_variables=variables,
            )
            return
        sums = [
            of_tasks + (0.0 if common is None else common)
            for of_tasks, common in zip(
                step.mean_gradients(), common_gradients, strict=True
            )
        ]
        self.optimizer.apply(
            # A loss scale is a factor of the gradients, too.
            [self.optimizer.scale_loss(gradient) for gradient in sums],
            variables,
        )

    def test_step(self, data):
        """Scores a meta-batch after, before and despite adaptation."""
        episodes = episode_checks.check_meta_batch(data, self._example_shape)
        query_y = episodes[3]
        predictions = self.predict_queries(episodes)
        logs = self._update_metrics(
            query_y,
            predictions.adapted,
            self._loss(query_y, predictions.adapted),
        )
        return (
            logs
            | self._secondary_metrics[_BEFORE].update(
                query_y, predictions.initial
            )
            | self._secondary_metrics[_OTHER_SUPPORT].update(
                query_y, predictions.other_support
            )
        )

    def predict_step(self, data):
        """Predicts a meta-batch's queries; their labels are not looked at."""
        return self(tuple(data)[:3])

    def reset_metrics(self):
        """Resets all metrics, those before adaptation too."""
        super().reset_metrics()
        for metrics in self._secondary_metrics.values():
            metrics.reset()

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes a SavedModel that adapts inside, see `export_learner`."""
        if format != "tf_saved_model" or kwargs:
            raise errors.InputError(
                f"format={format!r}, {kwargs} not supported: a learner exports "
                "with format='tf_saved_model' and no further arguments"
            )
        export.export_learner(self, filepath)

    def get_config(self):
        """Returns the constructor's arguments, serialized."""
        return self._network_config() | {
            "posterior_draw": self._posterior_draw,
            "task_regularizer": keras.saving.serialize_keras_object(
                self._task_regularizer
            ),
            "mapping": self._mapping,
            "seed": self._seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        """Rebuilds a learner from `get_config`."""
        return cls(
            **{
                key: keras.saving.deserialize_keras_object(value)
                if isinstance(value, dict)
                else value
                for key, value in config.items()
            }
        )

    def _network_config(self) -> dict[str, Any]:
        """Returns those of the constructor's arguments that are networks."""
        return {"network": keras.saving.serialize_keras_object(self.network)}

    @property
    def _weight_dtype(self) -> tf.DType:
        return tf.as_dtype(self.network.trainable_variables[0].dtype)

    def _cast(self, inputs) -> tf.Tensor:
        return tf.cast(inputs, self.network.inputs[0].dtype)

    def _weight_values(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(v) for v in self.trainable_variables]

    def _map(self, function, tasks, output_dtypes):
        return task_mapping.map_tasks(
            function,
            tasks,
            mapping=self._resolved_mapping,
            output_dtypes=output_dtypes,
        )

    def _loss(self, y, predictions) -> tf.Tensor:
        if self.loss_function is None:
            raise errors.InputError(_NO_LOSS)
        return tf.reduce_mean(self.loss_function(y, predictions))

    @property
    def _example_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self.network.inputs[0].shape[1:])

    def _network_weights(self, weights):
        """Returns those of `weights` that are the network's."""
        # Keras lists a model's own variables before its layers'.
        return weights[len(weights) - len(self.network.trainable_variables) :]

    def _weight_posteriors(self) -> weight_posteriors.WeightPosteriors:
        return weight_posteriors.WeightPosteriors(
            self.network, self.trainable_variables, self.adapted_weights()
        )

    def _next_seed(self) -> tf.Tensor:
        return tf.cast(self._seed_generator.next(), tf.int32)

    def _training_loss(
        self,
        shared: weight_posteriors.SharedWeights,
        task: outer_step.OuterTask,
    ):
        """Returns one task's loss in the outer loop, and what to report."""
        run = functional_network.Pass(training=True, seeds=task.seeds)
        with self._weight_posteriors().using(shared) as weights:
            adapted = self._adapt(weights, task.support_x, task.support_y, run)
            predictions, layer_losses = self._query(adapted, task.query_x, run)
            own_losses = self._task_regularization(
                adapted, task.support_x, task.support_y, run
            )
        query_loss = self._loss(task.query_y, predictions)
        regularization = tf.add_n(
            [tf.zeros_like(query_loss), *layer_losses, *own_losses]
        )
        if self._task_regularizer is not None:
            initial = self._initial_predictions(shared, task)
            regularization += self._task_regularizer.task_loss(
                initial, predictions
            ) + task.initial_loss_weight * self._loss(task.query_y, initial)
        return query_loss + regularization, outer_step.TaskOutputs(
            predictions, query_loss, regularization
        )

    def _initial_predictions(
        self, shared, task: outer_step.OuterTask
    ) -> tf.Tensor:
        """Predicts a task's queries before adaptation, as in training."""
        run = functional_network.Pass(training=True, seeds=task.seeds)
        with self._weight_posteriors().using(shared) as weights:
            return self._query(self._initial(weights), task.query_x, run)[0]

    def _initial_losses(self, shared, tasks: outer_step.OuterTask) -> tf.Tensor:
        """Returns each task's query loss before adaptation, `[tasks]`."""

        def one_task(task):
            return self._loss(
                task.query_y, self._initial_predictions(shared, task)
            )

        return self._map(one_task, tasks, self._weight_dtype)

    def _update_metrics(self, query_y, predictions, losses) -> dict:
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(losses)
        return self.compute_metrics(None, query_y, predictions)
