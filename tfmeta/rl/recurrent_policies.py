"""A policy that remembers: a recurrent cell, and what decides by its output."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfmeta import errors
from tfmeta.functional import dense_chain
from tfmeta.layers import arguments
from tfmeta.rl import policies


class Step(NamedTuple):
    """What a recurrent policy makes of one step.

    Attributes:
        actions: the distributions of actions, `[tasks, rows, action_size]`.
        output: the cell's, `[tasks, rows, units]`.
        states: the cell's after the step, each `[tasks, rows, size]`.
    """

    actions: policies.Normal
    output: tf.Tensor
    states: list[tf.Tensor]


class RecurrentPolicy:
    """Normally distributed actions, about means that a recurrent cell decides.

    As `NormalPolicy`, but its network has a state, and so acts by all that it
    has seen since the state was `initial_states`.

    Attributes:
        cell: the recurrent cell.
        network: from its output to means, a chain of dense layers.
        log_scale: logarithms of the standard deviations, `[action_size]`.
        variables: what it learns: those of the cell, of the network, then
            `log_scale`.
        units: numbers in the cell's output.

    Args:
        input_size: numbers in what it sees at each step.
        action_size: numbers in an action.
        cell: any recurrent cell of Keras, which runs without dropout; it is
            built here. By default `GRUCell(units)`.
        units: of the cell by default.
        hidden: units of hidden layers between the cell's output and the means,
            with tanh.
        scale: standard deviation at first.
        scale_bounds: the least standard deviation and the largest.

    Raises:
        InputError: if an argument is out of range, or `cell` is none.
    """

    def __init__(
        self,
        input_size: int,
        action_size: int,
        *,
        cell: keras.layers.Layer | None = None,
        units: int = 64,
        hidden: Sequence[int] = (),
        scale: float = 1.0,
        scale_bounds: tuple[float, float] = (1e-6, 10.0),
    ):
        arguments.check_positive_integers(input_size=input_size, units=units)
        if not 0 < scale_bounds[0] <= scale <= scale_bounds[1] < math.inf:
            raise errors.InputError(
                f"scale={scale}, scale_bounds={scale_bounds}: expected "
                "positive numbers, the first between the others"
            )
        self.cell = keras.layers.GRUCell(units) if cell is None else cell
        if not all(
            hasattr(self.cell, name) for name in ("state_size", "output_size")
        ):
            raise errors.InputError(
                "cell: expected a recurrent cell of Keras, such as "
                f"keras.layers.GRUCell(64), got {cell!r}"
            )
        if not self.cell.built:
            self.cell.build((None, input_size))
        self.units = int(self.cell.output_size)
        self.network = policies.perceptron(
            self.units, action_size, hidden, activation="tanh", name="head"
        )
        self.log_scale = keras.Variable(
            np.full(action_size, math.log(scale)),
            dtype="float32",
            name="log_scale",
        )
        self._of_cell = list(self.cell.trainable_variables)
        self.variables = [
            *self._of_cell,
            *self.network.trainable_variables,
            self.log_scale,
        ]
        low, high = scale_bounds
        self._log_bounds = math.log(low), math.log(high)
        self._decide = dense_chain.DenseChain(self.network)

    def initial_states(self, tasks: int, rows: int) -> list[tf.Tensor]:
        """Returns what the cell knows before it has seen anything.

        Args:
            tasks: the first axis of what it will see.
            rows: the second.
        """
        states = self.cell.get_initial_state(batch_size=tasks * rows)
        return [
            tf.reshape(tf.convert_to_tensor(state), (tasks, rows, -1))
            for state in tf.nest.flatten(states)
        ]

    def step(
        self,
        weights: Sequence[tf.Tensor],
        inputs: tf.Tensor,
        states: Sequence[tf.Tensor],
    ) -> Step:
        """Sees one thing, and goes on.

        Args:
            weights: values of `variables`, each as it is or, all of them, with
                a leading axis of tasks.
            inputs: `[tasks, rows, input_size]`.
            states: the cell's, see `Step`.
        """
        output, after = self._run_cell(weights, inputs, states)
        return Step(self._actions(weights, output), output, after)

    def outputs(
        self, weights: Sequence[tf.Tensor], inputs: tf.Tensor
    ) -> tf.Tensor:
        """Returns the cell's outputs as it sees sequences, from their start.

        Args:
            weights: see `step`.
            inputs: `[tasks, rows, steps, input_size]`.

        Returns:
            `[tasks, rows, steps, units]`.
        """
        tasks, rows, steps = inputs.shape[:3]
        by_step = tf.transpose(inputs, (2, 0, 1, 3))
        found = tf.TensorArray(
            tf.float32, steps, element_shape=(tasks, rows, self.units)
        )

        def one(number, states, found):
            output, states = self._run_cell(weights, by_step[number], states)
            return number + 1, states, found.write(number, output)

        *_, found = tf.while_loop(
            lambda number, *_: number < steps,
            one,
            (tf.constant(0), self.initial_states(tasks, rows), found),
            maximum_iterations=steps,  # Without it XLA has no gradient.
        )
        return tf.transpose(found.stack(), (1, 2, 0, 3))

    def __call__(
        self, weights: Sequence[tf.Tensor], inputs: tf.Tensor
    ) -> policies.Normal:
        """Returns the distributions of actions at each step of sequences.

        Args:
            weights: see `step`.
            inputs: `[tasks, rows, steps, input_size]`.

        Returns:
            Of `[tasks, rows, steps, action_size]`.
        """
        outputs = self.outputs(weights, inputs)
        tasks, rows, steps = outputs.shape[:3]
        flat = self._actions(
            weights, tf.reshape(outputs, (tasks, rows * steps, self.units))
        )
        mean = tf.reshape(flat.mean, (tasks, rows, steps, -1))
        if len(flat.log_scale.shape) == 1:
            return policies.Normal(mean, flat.log_scale)
        return policies.Normal(mean, flat.log_scale[:, tf.newaxis])

    def _actions(self, weights, outputs) -> policies.Normal:
        *of_network, log_scale = weights[len(self._of_cell) :]
        if len(log_scale.shape) == 2:
            log_scale = log_scale[:, tf.newaxis]
        return policies.Normal(
            self._decide(of_network, outputs),
            tf.clip_by_value(log_scale, *self._log_bounds),
        )

    def _run_cell(
        self, weights, inputs, states
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        of_cell = list(weights[: len(self._of_cell)])
        if of_cell and len(of_cell[0].shape) > len(self._of_cell[0].shape):
            # Task after task: what `tf.vectorized_map` makes of a split, as in
            # a GRU, has a gradient that XLA does not compile.
            parts = [
                self._run_on_rows(
                    [weight[task] for weight in of_cell],
                    inputs[task],
                    [state[task] for state in states],
                )
                for task in range(inputs.shape[0])
            ]
            outputs, by_task = zip(*parts, strict=True)
            return tf.stack(outputs), [
                tf.stack(of_tasks) for of_tasks in zip(*by_task, strict=True)
            ]
        tasks, rows = inputs.shape[:2]
        output, after = self._run_on_rows(
            of_cell,
            tf.reshape(inputs, (tasks * rows, -1)),
            [tf.reshape(state, (tasks * rows, -1)) for state in states],
        )
        return tf.reshape(output, (tasks, rows, self.units)), [
            tf.reshape(state, (tasks, rows, -1)) for state in after
        ]

    def _run_on_rows(self, of_cell, inputs, states) -> tuple[Any, list[Any]]:
        (output, after), _ = self.cell.stateless_call(
            of_cell,
            list(self.cell.non_trainable_variables),
            inputs,
            tf.nest.pack_sequence_as(self.cell.state_size, list(states)),
            training=False,
        )
        return output, list(tf.nest.flatten(after))
