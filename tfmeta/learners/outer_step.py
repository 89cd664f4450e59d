"""The outer step: one gradient for each task of a meta-batch."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from tfmeta import episode
from tfmeta.functional import weight_posteriors
from tfmeta.gradients import mapped, replicas, task_gradients
from tfmeta.learners import outer_loss as outer_loss_lib


class CommonGradients(NamedTuple):
    """The gradient of the posteriors' divergences, which belong to no task.

    Attributes:
        gradients: for each trainable variable one of its shape, or None where
            no divergence depends on it.
        loss: scalar, the sum of the divergences.
    """

    gradients: list[tf.Tensor | None]
    loss: tf.Tensor


class OuterPass:
    """A step's way through a meta-batch: a `TaskPass`.

    What tasks share of the weights, posteriors among it, is made once, outside
    of the tasks. Each task's gradient is taken with respect to that, inside the
    mapped body, and the chain rule carries it on to the variables. Each replica
    has some of the tasks.

    Args:
        outer_loss: the tasks' loss.
        episodes: of this replica, each field `[tasks, ...]`.
        seed: `[2]`, of the tasks' draws, the same on all replicas.
        common_seed: `[2]`, of a draw for the divergences, likewise.
        in_parts: whether no more than a part of the task gradients is to be
            held at a time.
    """

    split = replicas.Split.TASKS

    def __init__(
        self,
        outer_loss: outer_loss_lib.OuterLoss,
        episodes: episode.Episode,
        seed: tf.Tensor,
        common_seed: tf.Tensor,
        *,
        in_parts: bool = False,
    ):
        self._outer_loss = outer_loss
        self._episodes = episodes
        self._seed = seed
        self._common_seed = common_seed
        self._in_parts = in_parts
        self._place = replicas.Place.of(episodes.query_x)
        # Taken once: a step changes the variables.
        self._weights = outer_loss.values()
        self._draw_seed, task_seed = tf.unstack(tf.random.split(seed, 2))
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape:
            tape.watch(self._weights)
            self._shared = self._share(self._weights)
        self._tape = tape
        self._tasks = outer_loss.tasks(
            self._shared, episodes, task_seed, self._place
        )
        if in_parts:
            self._gradients: list[tf.Tensor] = []
            self._losses, self._outputs = outer_loss.without_gradient(
                self._shared, self._tasks
            )
        else:
            self._gradients, self._losses, self._outputs = (
                mapped.compute_task_gradients(
                    outer_loss.of_task,
                    self._shared,
                    self._tasks,
                    mapping=outer_loss.mapping,
                    output_dtypes=outer_loss.output_dtypes(),
                )
            )

    @property
    def losses(self) -> tf.Tensor:
        """The tasks' losses `[T]`."""
        return self._losses

    @property
    def outputs(self) -> outer_loss_lib.TaskOutputs:
        """What to report of each task, each field `[T, ...]`."""
        return self._outputs

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """The learner's and the network's trainable variables."""
        return self._outer_loss.variables

    @functools.cached_property
    def common(self) -> CommonGradients:
        """The divergences of the posteriors, differentiated."""
        return differentiate_common(
            self._outer_loss, self._weights, self._common_seed
        )

    def own(self, values: tf.Tensor) -> tf.Tensor:
        """Returns what is of this replica's tasks."""
        return self._place.rows(values)

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """Averages, for a meta-batch is a sample of tasks.

        Of several replicas each returns its share of the mean over all tasks.
        """
        if not replicas.is_one_of_several():
            return tf.reduce_mean(values, 0)
        return tf.reduce_sum(values, 0) / tf.cast(
            self._place.total, values.dtype
        )

    def task_gradients(self) -> mapped.MappedGradients:
        """Returns each task's gradients by the variables `[T, *shape]`.

        Nothing that belongs to no task is in them.
        """
        return mapped.MappedGradients(
            tf.vectorized_map(self._pull_back, self._gradients),
            self._losses,
            self._outputs,
        )

    def differentiate_total(self, factors, common_factor):
        """Averages task gradients; the chain rule is applied once, to that."""
        if self._in_parts:
            sums = self.differentiate_sum(factors, self.variables)
            tasks = tf.cast(self._place.total, sums[0].dtype)
            gradients = [gradient / tasks for gradient in sums]
        else:
            gradients = self._pull_back(
                [
                    self.total(_times(gradient, factors))
                    for gradient in self._gradients
                ]
            )
        if common_factor is not None:
            gradients = [
                of_tasks + (0.0 if common is None else common)
                for of_tasks, common in zip(
                    gradients,
                    self._common_gradients(common_factor),
                    strict=True,
                )
            ]
        return list(zip(gradients, self.variables, strict=True))

    def differentiate_tasks(self, factors, common_factor):
        """Takes the gradients of all tasks; every variable is shared."""
        gradients = [
            _times(gradient, factors)
            for gradient in self.task_gradients().gradients
        ]
        return self.differentiate_unshared(factors, common_factor)._replace(
            shared=list(zip(gradients, self.variables, strict=True))
        )

    def differentiate_unshared(self, factors, common_factor):
        """Differentiates what belongs to no task; no task owns a variable."""
        del factors
        return task_gradients.TaskGradients(
            shared=[(None, variable) for variable in self.variables],
            own=[],
            common=list(
                zip(
                    self._common_gradients(common_factor),
                    self.variables,
                    strict=True,
                )
            ),
            losses=self.losses,
        )

    def differentiate_part(self, factors, variables):
        """Goes through the tasks anew for some of the variables."""
        gradients = mapped.compute_task_gradients(
            self._loss_of(variables),
            self._values_of(variables),
            self._tasks,
            mapping=self._outer_loss.mapping,
            output_dtypes=(),
        ).gradients
        return [_times(gradient, factors) for gradient in gradients]

    def differentiate_sum(self, factors, variables):
        """Goes through the tasks one by one, and adds up their gradients."""
        values = self._values_of(variables)
        loss_of = self._loss_of(variables)

        def add(sums, task_and_factor):
            task, factor = task_and_factor
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss, _ = loss_of(values, task)
            gradients = tape.gradient(
                loss, values, factor, unconnected_gradients="zero"
            )
            return [
                total + tf.convert_to_tensor(gradient)
                for total, gradient in zip(sums, gradients, strict=True)
            ]

        if factors is None:
            factors = tf.ones_like(self.losses)
        return tf.foldl(
            add,
            (self._tasks, factors),
            [tf.zeros_like(value) for value in values],
        )

    def repeat(self) -> tf.Tensor:
        """Computes the losses once more, with the same draws."""
        return self._losses_of_seed(self._seed)

    def renew(self) -> tf.Tensor:
        """Computes the losses of the meta-batch with other draws."""
        return self._losses_of_seed(
            tf.random.experimental.stateless_fold_in(self._seed, 1)
        )

    def _losses_of_seed(self, seed: tf.Tensor) -> tf.Tensor:
        """Computes losses `[T]` with the weights as they are now."""
        return OuterPass(
            self._outer_loss,
            self._episodes,
            seed,
            self._common_seed,
            in_parts=True,
        ).losses

    def _share(
        self, weights: list[tf.Tensor]
    ) -> weight_posteriors.SharedWeights:
        return self._outer_loss.posteriors().share(
            weights,
            self._draw_seed,
            draw=self._outer_loss.posterior_draw == "meta_batch",
        )

    def _pull_back(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Carries gradients by what is shared on to the variables."""
        return self._tape.gradient(
            tf.nest.flatten(self._shared, expand_composites=True),
            self._weights,
            output_gradients=gradients,
            unconnected_gradients="zero",
        )

    def _common_gradients(self, factor: tf.Tensor) -> list[tf.Tensor | None]:
        """Returns this replica's share of the divergences' gradients."""
        share = factor / replicas.count()
        return [
            None
            if gradient is None
            else tf.cast(share, gradient.dtype) * gradient
            for gradient in self.common.gradients
        ]

    def _positions(self, variables: Sequence[keras.Variable]) -> list[int]:
        place = {id(v): number for number, v in enumerate(self.variables)}
        return [place[id(variable)] for variable in variables]

    def _values_of(self, variables) -> list[tf.Tensor]:
        return [self._weights[number] for number in self._positions(variables)]

    def _loss_of(self, variables: Sequence[keras.Variable]):
        """Returns one task's loss as a function of some variables' values."""
        positions = self._positions(variables)

        def loss(values, task):
            weights = list(self._weights)
            for number, value in zip(positions, values, strict=True):
                weights[number] = value
            value, _ = self._outer_loss.of_task(self._share(weights), task)
            return value, ()

        return loss


def differentiate_common(
    outer_loss: outer_loss_lib.OuterLoss,
    weights: list[tf.Tensor],
    seed: tf.Tensor,
) -> CommonGradients:
    """Differentiates the divergences of the posteriors that tasks share.

    Args:
        outer_loss: whose posteriors.
        weights: values of its variables.
        seed: `[2]`, for divergences that are estimated by a draw.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss = outer_loss.posteriors().divergence(weights, seed)
    return CommonGradients(tape.gradient(loss, weights), loss)


def _times(gradients: tf.Tensor, factors: tf.Tensor | None) -> tf.Tensor:
    """Multiplies each task's gradient `[T, ...]` by its factor."""
    if factors is None:
        return gradients
    shape = tf.concat(
        [tf.shape(factors), tf.ones((tf.rank(gradients) - 1,), tf.int32)], 0
    )
    return gradients * tf.reshape(tf.cast(factors, gradients.dtype), shape)
