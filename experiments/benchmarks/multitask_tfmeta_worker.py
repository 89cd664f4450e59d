"""Steps of several tasks in tfmeta, and PCGrad's aggregation alone.

- `sum`, `pcgrad` and `pcgrad_parts`: the train step that `fit` runs.
- `backwards`: the forward pass and each task's backward pass, nothing else. Its
  gradient is those of all tasks, one after the other.
- `gramian`: the update from given task gradients, or the tasks' weights from
  their Gramian.

A module of `worker.py`.
"""

import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmarks import multitask_problems, worker
from tfmeta import multitask, networks
from tfmeta.gradients import gramian
from tfmeta.optimizers import pcgrad

_IMAGE_SHAPE = (32, 32, 3)
_CLASSES = 5
_LEARNING_RATE = 1e-3


def build(job: Any) -> worker.Contender:
    """Returns the contender's step and gradient."""
    tf.config.threading.set_intra_op_parallelism_threads(job.intra_op_threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.inter_op_threads)
    if job.contender == "gramian":
        return _aggregation(job)
    keras.utils.set_random_seed(0)
    problem = {
        "own_data": _own_data,
        "shared_input": _shared_input,
        "memory": _dense_layers,
    }[job.workload](job)
    if job.contender == "backwards":
        return _backwards(problem)
    return _train_step(problem, job.contender)


class _Problem(NamedTuple):
    network: keras.Model
    loss: keras.losses.Loss
    x: Any
    y: dict[str, tf.Tensor]


def _own_data(job: multitask_problems.StepJob) -> _Problem:
    names = _task_names(job)
    rng = np.random.default_rng(0)
    return _Problem(
        networks.join_tasks(_task_networks(job, names)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        {name: _images(job, rng) for name in names},
        {name: _labels(job, rng) for name in names},
    )


def _shared_input(job: multitask_problems.StepJob) -> _Problem:
    names = _task_names(job)
    rng = np.random.default_rng(0)
    trunk = _task_networks(job, ["any"])["any"].get_layer("trunk")
    heads = {
        name: keras.Sequential(
            [
                *(keras.layers.Dense(size, "relu") for size in job.units),
                keras.layers.Dense(_CLASSES),
            ]
        )
        for name in names
    }
    return _Problem(
        networks.hard_sharing(trunk, heads),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        _images(job, rng),
        {name: _labels(job, rng) for name in names},
    )


def _dense_layers(job: multitask_problems.StepJob) -> _Problem:
    names = _task_names(job)
    *hidden, width = job.units
    x, y = tf.split(
        tf.random.stateless_normal((job.examples, width + len(names)), (0, 0)),
        [width, len(names)],
        axis=1,
    )
    return _Problem(
        networks.hard_sharing(
            networks.mlp(width, width, hidden=hidden),
            {name: keras.layers.Dense(1) for name in names},
        ),
        keras.losses.MeanSquaredError(),
        x,
        dict(zip(names, tf.split(y, len(names), axis=1), strict=True)),
    )


def _task_names(job) -> list[str]:
    return [f"task{number:02}" for number in range(job.tasks)]


def _task_networks(job, names) -> dict[str, keras.Model]:
    return networks.task_networks(
        "all_fc",
        names,
        classes=_CLASSES,
        input_shape=_IMAGE_SHAPE,
        filters=job.filters,
        units=job.units,
    )


def _images(job, rng) -> tf.Tensor:
    return tf.constant(
        rng.standard_normal((job.examples, *_IMAGE_SHAPE), np.float32)
    )


def _labels(job, rng) -> tf.Tensor:
    return tf.constant(rng.integers(_CLASSES, size=job.examples))


def _train_step(problem: _Problem, contender: str) -> worker.Contender:
    model = multitask.MultiTaskModel(
        problem.network.input, problem.network.output
    )
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    if contender != "sum":
        optimizer = pcgrad.PCGrad(optimizer)
    parts = multitask_problems.PARTS if contender == "pcgrad_parts" else 1
    model.compile(
        optimizer,
        dict.fromkeys(problem.y, problem.loss),
        gradient_parts=parts,
    )
    # From a Python iterator, so that no data set is in the time.
    batches = itertools.repeat((problem.x, problem.y))
    model.make_train_function()

    def step() -> float:
        return float(model.train_function(batches)["loss"])

    return worker.Contender(step, None)


def _backwards(problem: _Problem) -> worker.Contender:
    variables = [v.value for v in problem.network.trainable_variables]

    @tf.function
    def run(x, y):
        with tf.GradientTape(persistent=True) as tape:
            predictions = problem.network(x, training=True)
            losses = [
                problem.loss(y[name], predictions[name]) for name in problem.y
            ]
        # Returned, for what nobody looks at is not computed.
        gradients = [tape.gradient(loss, variables) for loss in losses]
        return tf.add_n(losses), gradients

    def step() -> float:
        return float(run(problem.x, problem.y)[0])

    def gradient() -> list[np.ndarray]:
        _, gradients = run(problem.x, problem.y)
        return [g.numpy() for g in tf.nest.flatten(gradients) if g is not None]

    return worker.Contender(step, gradient)


def _aggregation(
    job: multitask_problems.AggregationJob,
) -> worker.Contender:
    gradients = tf.stack(job.gradients)
    optimizer = pcgrad.PCGrad(keras.optimizers.SGD())
    optimizer.build([keras.Variable(np.zeros(gradients.shape[1]))])
    optimizer.num_tasks = len(gradients)

    def aggregate(task_gradients):
        weights = optimizer.weigh(gramian.compute_gramian([task_gradients]))
        (update,) = gramian.combine([task_gradients], weights)
        return update

    given: tf.Tensor = gradients
    compute: Any = aggregate
    if job.workload == "weights":
        given = gramian.compute_gramian([gradients])
        compute = optimizer.weigh

    @tf.function
    def run(values):
        result = compute(values)
        return result[0], result

    def step() -> float:
        return float(run(given)[0])

    return worker.Contender(step, lambda: [run(given)[1].numpy()])
