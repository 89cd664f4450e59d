"""The face of a meta-learner: the Keras model that users train."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from absl import logging

# There is no public name for what is_op_determinism_enabled tells.
from tensorflow.python.framework import config

from tfmeta import episode, errors, export
from tfmeta.functional import functional_network
from tfmeta.gradients import mapped, replicas, task_mapping
from tfmeta.learners import (
    adaptation,
    episode_checks,
    outer_loss,
    outer_step,
    query_metrics,
)
from tfmeta.regularizers import task_regularizer as task_regularizer_lib
from tfmeta.training import (
    class_labels,
    loss_functions,
    metric_state,
    task_trainer,
    xla,
)

_BEFORE = "before_adaptation"
_OTHER_SUPPORT = "with_other_support"


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


class Learner(task_trainer.TaskTrainer, adaptation.Adaptation, keras.Model):
    """A meta-learner: a Keras model whose examples are tasks.

    `fit` and `evaluate` take a `tf.data.Dataset` of meta-batches: `(support_x,
    support_y, query_x, query_y)`, each with a leading task axis; or a generator
    of such, or that as arrays of all tasks, `fit((support_x, support_y,
    query_x), query_y)`, which `batch_size` parts into meta-batches. Each train
    step makes one gradient per task and gives their mean to the optimizer, or
    all to an optimizer that resolves their conflicts. The loss of a task is the
    compiled loss of its queries after adaptation, plus the losses that the
    network's layers add (a bottleneck's KL divergence, an L2 penalty), plus the
    task regularizer's. The KL divergences of posteriors over weights depend on
    no data and belong to no task: their gradient is made once a step and added
    to the mean, or to what became of the conflicts.

    Under a `tf.distribute` strategy each replica takes some of a meta-batch's
    tasks, and the update is that of one replica with all of them. In `evaluate`
    the other support set is that of another task of the same replica.

    Calling the learner on `(support_x, support_y, query_x)`, each with a
    leading task axis, adapts to each task and returns its query predictions.

    A subclass says how to adapt and to predict, see `Adaptation`.

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
            with convolutions and `"vectorize"` for others, the fast ones; and
            `"map"`, with a line in the log, where TensorFlow cannot vectorize
            the network (its loops) or the data (ragged tensors).
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
        task_regularizer: task_regularizer_lib.TaskRegularizer | None = None,
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
        self._second_order = second_order
        self._posterior_draw = posterior_draw
        self._task_regularizer = task_regularizer
        self._mapping = mapping
        self._resolved_mapping = task_mapping.resolve(mapping, network)
        self._is_mapping_tried = False
        self._is_jit_by_default = False
        self._seed = seed
        self._seed_generator = keras.random.SeedGenerator(seed)
        self.loss_function: Any = None
        self._secondary_metrics: dict[str, query_metrics.QueryMetrics] = {}
        self._run_predict_queries: Any = self._predict_queries
        self.built = True

    @property
    def _fast_under_xla(self) -> bool:
        """Whether XLA is to compile the steps, unless a user says so."""
        return self._resolved_mapping == "vectorize"

    @property
    def takes_class_labels(self) -> bool:
        """Whether the compiled loss is one of integer class labels."""
        return class_labels.takes_class_labels(self.loss_function)

    @property
    def takes_class_logits(self) -> bool:
        """Whether it is one of logits besides, not of probabilities."""
        return self.takes_class_labels and (
            isinstance(self.loss_function, keras.losses.Loss)
            and self.loss_function.from_logits
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
            raise errors.InputError(task_trainer.NOT_COMPILED)
        support_x = self._cast(support_x)
        support_y = tf.convert_to_tensor(support_y)
        episode_checks.check_support(support_x, support_y, self._example_shape)
        return self.adapted_state(
            self._weight_values(),
            support_x,
            support_y,
            functional_network.Pass(training=False),
        )

    def predict_adapted(self, adapted: Any, query_x) -> tf.Tensor:
        """Predicts the queries `[queries, ...]` of one task after `adapt`."""
        query_x = self._cast(query_x)
        episode_checks.check_examples("query_x", query_x, self._example_shape)
        predictions, _ = self.query_predictions(
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

        return self._map(one_task, tuple(inputs), self.weight_dtype)

    def predict_queries(self, episodes) -> QueryPredictions:
        """Predicts a meta-batch's queries after, before and despite support.

        Args:
            episodes: an `Episode` or `(support_x, support_y, query_x,
                query_y)`, each `[tasks, ...]` with at least two tasks: the
                support set of task i - 1 is the other support of task i.

        Returns:
            The three kinds of predictions, `[tasks, queries, ...]` each.
        """
        return self._run_predict_queries(episode.Episode(*episodes))

    def _predict_queries(self, episodes: episode.Episode):
        initial = self.initial_state(self._weight_values())

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
            (
                episodes.support_x,
                episodes.support_y,
                episodes.query_x,
                tf.roll(episodes.query_x, -1, axis=0),
            ),
            QueryPredictions(*[self.weight_dtype] * 3),
        )
        # Task i made its predictions for the queries of task i + 1.
        return predictions._replace(
            other_support=tf.roll(predictions.other_support, 1, axis=0)
        )

    def task_gradients(self, episodes) -> mapped.MappedGradients:
        """Differentiates each task's outer loss, see `common_gradients`.

        Draws anew at every call where the network is stochastic.

        Args:
            episodes: an `Episode` or `(support_x, support_y, query_x,
                query_y)`, each `[tasks, ...]`.

        Returns:
            Gradients with respect to the learner's and the network's trainable
            variables, losses, and as `outputs` the `TaskOutputs`, each `[tasks,
            ...]`.
        """
        seed = self._next_seed()
        return self._outer_pass(
            episode.Episode(*episodes), seed, seed
        ).task_gradients()

    def common_gradients(self) -> outer_step.CommonGradients:
        """Differentiates what belongs to no task: the posteriors' divergences.

        Returns:
            The `CommonGradients`.
        """
        return outer_step.differentiate_common(
            self._outer_loss(), self._weight_values(), self._next_seed()
        )

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        jit_compile=None,
        *,
        weighting=None,
        num_tasks: int | None = None,
        gradient_parts: int = 1,
        measure_curvature: bool = False,
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
                without a GPU, unless operations are to be deterministic. Steps
                of several replicas it never does.
            weighting: see `TaskTrainer`; it takes task i of each meta-batch for
                the same task.
            num_tasks: number of tasks in a meta-batch, for weightings.
                Optimizers with state for each task learn it from the first
                step, or from the checkpoint that they are restored from.
            gradient_parts: see `TaskTrainer`. Each part goes through the tasks
                anew.
            measure_curvature: see `TaskTrainer`.
            **kwargs: see `keras.Model.compile`.

        Raises:
            InputError: if there is no loss, or see `TaskTrainer`.
        """
        if loss is None:
            raise errors.InputError("loss=None: a learner needs a loss")
        self._is_jit_by_default = jit_compile is None
        if jit_compile is None:
            # Not Keras' "auto", which leaves XLA out wherever there is no GPU
            # (Trainer._resolve_auto_jit_compile, Keras 3.15).
            jit_compile = (
                self._fast_under_xla
                and not config.is_op_determinism_enabled()
                and replicas.count() == 1
            )
        loss_weighting = task_trainer.get_weighting(weighting, num_tasks)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            jit_compile=jit_compile,
            **kwargs,
        )
        self._compile_descent(
            optimizer,
            loss_weighting,
            num_tasks=num_tasks,
            gradient_parts=gradient_parts,
            measure_curvature=measure_curvature,
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

    def get_compile_config(self):
        """Returns the arguments of `compile`, serialized."""
        return super().get_compile_config() | {
            "num_tasks": self.weighting.num_tasks
        }

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        batch = data_batch
        if iterator is not None:
            batch = iterator.data_adapter.get_tf_dataset().element_spec
        self._try_mapping(batch)
        super()._maybe_symbolic_build(iterator, data_batch)

    def _try_mapping(self, batch) -> None:
        """Falls back if "auto" chose what TensorFlow or XLA cannot do.

        To "map", or to "vectorize" without XLA, of which a user has not said
        that it is to compile the steps.

        Args:
            batch: a meta-batch, or the specifications of one.
        """
        if self._mapping != "auto" or self._resolved_mapping != "vectorize":
            return
        if task_mapping.is_ragged(batch):
            self._fall_back_to_map("ragged tensors")
        elif not self._is_mapping_tried:
            self._is_mapping_tried = True
            own = _layers_of_users(self.network)
            if not own:
                return
            network = f"the network, with {', '.join(own)}"
            specs = [
                tf.TensorSpec(part.shape, part.dtype)
                for part in tf.nest.flatten(episode_checks.unpack(batch))
            ]
            if not self._is_traced(specs):
                self._fall_back_to_map(network)
            elif self._is_jit_by_default and self.jit_compile:
                operation = xla.unsupported_operation(
                    self._losses_of_tasks, specs
                )
                if operation is not None:
                    logging.warning(
                        "jit_compile: left out, for XLA cannot compile %s (%s)",
                        network,
                        operation,
                    )
                    self.jit_compile = False

    def _fall_back_to_map(self, reason: str) -> None:
        task_mapping.say_that_it_falls_back(reason)
        self._resolved_mapping = "map"
        if self._is_jit_by_default:
            self.jit_compile = False

    def _is_traced(self, specs) -> bool:
        """Whether TensorFlow can trace a step."""
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel("CRITICAL")  # It tells at length what is no error here.
        try:
            tf.function(self._losses_of_tasks).get_concrete_function(*specs)
        except Exception:  # Whatever its layers and TensorFlow raise.
            return False
        finally:
            logger.setLevel(level)
        return True

    def _losses_of_tasks(self, *episodes) -> tf.Tensor:
        """Computes the losses of tasks, and gradients on the way."""
        return self.task_gradients(episodes).losses

    def _build_metrics(self, batch):
        batch = episode_checks.unpack(batch)
        if not isinstance(batch, tuple) or len(batch) != 4:
            return
        *_, query_y = batch
        predictions = keras.KerasTensor(
            (None, None, *self.network.outputs[0].shape[1:]),
            self.weight_dtype.name,
        )
        metric_state.build(self, query_y, predictions)
        for metrics in self._secondary_metrics.values():
            metrics.build(query_y, predictions)

    def train_step(self, data):
        """Makes one outer step from a meta-batch of episodes."""
        episodes = self._check_episodes(data)
        outer = self._outer_pass(episodes, self._next_seed(), self._next_seed())
        self._descend(outer)
        logs = self._update_metrics(
            episodes.query_y,
            outer.outputs.predictions,
            outer.outputs.query_loss,
        )
        logs["regularization"] = outer.common.loss + replicas.sum_over_replicas(
            outer.total(outer.outputs.regularization)
        )
        return logs

    def test_step(self, data):
        """Scores a meta-batch after, before and despite adaptation."""
        episodes = self._check_episodes(data)
        predictions = self.predict_queries(episodes)
        logs = self._update_metrics(
            episodes.query_y,
            predictions.adapted,
            self._loss(episodes.query_y, predictions.adapted),
        )
        return (
            logs
            | self._secondary_metrics[_BEFORE].update(
                episodes.query_y, predictions.initial
            )
            | self._secondary_metrics[_OTHER_SUPPORT].update(
                episodes.query_y, predictions.other_support
            )
        )

    def make_predict_function(self, force=False):
        """Makes the function that `predict` calls, as Keras does."""
        if self.predict_function is not None and not force:
            return
        super().make_predict_function(force)
        if not (self.jit_compile and self._has_class_labels()):
            return  # `predict_step` looks at labels.
        run = self.predict_function

        def checked(batches):
            # Outside of what XLA compiles.
            with class_labels.named_errors():
                batches = [self._check_labels(batch) for batch in batches]
            return run(batches)

        self.predict_function = checked

    def predict_step(self, data):
        """Predicts a meta-batch's queries; their labels are not looked at."""
        data = episode_checks.unpack(data)
        if len(data) not in (3, 4):
            raise errors.InputError(
                "data: expected (support_x, support_y, query_x), each with a "
                f"leading task axis, got {type(data).__name__} of {len(data)}"
            )
        if self._has_class_labels() and not self.jit_compile:
            data = self._check_labels(data)
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

    def _cast(self, inputs) -> tf.Tensor:
        return tf.cast(inputs, self.network.inputs[0].dtype)

    def _weight_values(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(v) for v in self._network_variables()]

    def _map(self, function, tasks, output_dtypes):
        if task_mapping.is_ragged(tasks):
            self._try_mapping(tasks)
        return task_mapping.map_tasks(
            function,
            tasks,
            mapping=self._resolved_mapping,
            output_dtypes=output_dtypes,
        )

    def _loss(self, y, predictions) -> tf.Tensor:
        """Returns the compiled loss of one task, whole on each replica."""
        if self.loss_function is None:
            raise errors.InputError(task_trainer.NOT_COMPILED)
        loss = tf.reduce_mean(
            loss_functions.apply(self.loss_function, y, predictions)
        )
        if replicas.count() > 1 and isinstance(
            self.loss_function, keras.losses.Loss
        ):
            # Keras returns a replica's share of a loss over all examples
            # (`scale_loss_for_distribution`); a task is not shared out.
            loss *= replicas.count()
        return loss

    @property
    def _example_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self.network.inputs[0].shape[1:])

    def _check_episodes(self, data) -> episode.Episode:
        """Returns what `fit` or `evaluate` got of a data set, if it fits."""
        return episode_checks.check_meta_batch(data, self._example_shape)

    def _has_class_labels(self):
        return self.loss_function is not None and self.takes_class_labels

    def _check_labels(self, data):
        data = episode_checks.unpack(data)
        if not isinstance(data, tuple) or len(data) < 3:
            return data  # The step says what is wrong with it.
        support_x, support_y, query_x, *query_y = data
        support_y, *query_y = (
            class_labels.check(
                name, y, self.loss_function, self.network.outputs[0].shape[-1]
            )
            for name, y in zip(
                ("support_y", "query_y"), (support_y, *query_y), strict=False
            )
        )
        return support_x, support_y, query_x, *query_y

    def _outer_loss(self) -> outer_loss.OuterLoss:
        return outer_loss.OuterLoss(
            self,
            self._loss,
            self._network_variables(),
            self._task_regularizer,
            self._posterior_draw,
            self._resolved_mapping,
        )

    def _outer_pass(
        self, episodes: episode.Episode, seed, common_seed
    ) -> outer_step.OuterPass:
        # Layers may have been frozen or freed since the learner was made.
        functional_network.check_network(
            self.network, second_order=self._second_order
        )
        return outer_step.OuterPass(
            self._outer_loss(),
            episodes._replace(
                support_x=self._cast(episodes.support_x),
                query_x=self._cast(episodes.query_x),
            ),
            seed,
            common_seed,
            in_parts=self._gradient_parts > 1,
        )

    def _next_seed(self) -> tf.Tensor:
        return tf.cast(self._seed_generator.next(), tf.int32)

    def _update_metrics(self, query_y, predictions, losses) -> dict:
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(losses)
        return self.compute_metrics(None, query_y, predictions)


def _layers_of_users(network: keras.Model) -> list[str]:
    """Names the layers that may do what no layer of Keras or tfmeta does."""
    return [
        layer.name
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.Lambda)
        or type(layer).__module__.partition(".")[0] not in ("keras", "tfmeta")
    ]
