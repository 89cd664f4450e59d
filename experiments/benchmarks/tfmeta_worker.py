"""MAML's outer step in tfmeta, and what of the machine it is held against.

- `tfmeta` and `tfmeta_default_threads`: the train step that `fit` runs.
- `control` and `mr_maml_w`: these methods of `experiments.few_shot`.
- `matmul`: a product of two matrices of `problems.MATMUL_SIZE`.
- `input`: a meta-batch of episodes, drawn from as many images as Omniglot has.

A module of `worker.py`.
"""

import itertools
import pathlib
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmarks import problems, worker
from experiments.few_shot import experiment
from experiments.run import contract
from tfmeta import learners, networks, tasks

_OMNIGLOT_CLASSES, _OMNIGLOT_IMAGES_PER_CLASS = 1623, 20


class _Tasks(NamedTuple):
    """See `few_shot.methods.Tasks`."""

    ways: int
    image_shape: tuple[int, ...]


def build(job: problems.Job) -> worker.Contender:
    """Returns the contender's step and gradient."""
    tf.config.threading.set_intra_op_parallelism_threads(job.intra_op_threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.inter_op_threads)
    dtype = job.weights[0].dtype.name
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    if job.contender == "matmul":
        return _matmul()
    if job.contender == "input":
        return _input(len(job.episodes[0]))
    if job.contender in experiment.EXPERIMENT.methods:
        return _train_step(_method(job), job)
    return _train_step(_maml(job), job)


def _train_step(learner: learners.MAML, job: problems.Job) -> worker.Contender:
    episodes = tuple(tf.constant(array) for array in job.episodes)
    # From a Python iterator, so that no data set is in the time.
    meta_batches = itertools.repeat(episodes)
    learner.make_train_function()

    def step() -> float:
        return float(learner.train_function(meta_batches)["loss"])

    @tf.function(jit_compile=learner.jit_compile)
    def compute_gradients():
        gradients = learner.task_gradients(episodes).gradients
        return [tf.reduce_mean(gradient, 0) for gradient in gradients]

    def gradient() -> list[np.ndarray]:
        return [g.numpy() for g in compute_gradients()]

    return worker.Contender(step, gradient)


def _maml(job: problems.Job) -> learners.MAML:
    if job.network == "conv4":
        network = networks.conv4(
            problems.WAYS,
            input_shape=problems.IMAGE_SHAPE,
            filters=problems.FILTERS,
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        size, *hidden, output_size = problems.MLP_SIZES
        network = networks.mlp(size, output_size, hidden=hidden)
        loss = keras.losses.MeanSquaredError()
    network.set_weights(job.weights)
    learner = learners.MAML(
        network,
        inner_learning_rate=job.inner_learning_rate,
        inner_steps=job.inner_steps,
    )
    learner.compile(keras.optimizers.Adam(job.outer_learning_rate), loss)
    return learner


def _method(job: problems.Job) -> learners.MAML:
    """Builds a method with its own initial weights, fixed by a seed."""
    keras.utils.set_random_seed(0)
    method = experiment.EXPERIMENT.methods[job.contender]
    given = {
        "inner_steps": job.inner_steps,
        "inner_learning_rate": job.inner_learning_rate,
        "outer_learning_rate": job.outer_learning_rate,
        "outer_schedule": "constant",
        "filters": problems.FILTERS,
    }
    return experiment.EXPERIMENT.trainer.build(
        contract.Job(
            method,
            method.choose(given),
            _Tasks(problems.WAYS, problems.IMAGE_SHAPE),
            contract.Budget(steps=1, steps_per_epoch=1, eval_splits=()),
            seed=0,
            folder=pathlib.Path(),
        )
    )


def _matmul() -> worker.Contender:
    left, right = tf.unstack(
        tf.random.stateless_uniform(
            (2, problems.MATMUL_SIZE, problems.MATMUL_SIZE), (0, 0)
        )
    )

    def step() -> float:
        return float(tf.matmul(left, right)[0, 0])

    return worker.Contender(step, None)


def _input(meta_batch_size: int) -> worker.Contender:
    images = _OMNIGLOT_CLASSES * _OMNIGLOT_IMAGES_PER_CLASS
    classes = tasks.ImageClasses(
        np.random.default_rng(0).integers(
            256, size=(images, *problems.IMAGE_SHAPE), dtype=np.uint8
        ),
        np.arange(images) // _OMNIGLOT_IMAGES_PER_CLASS,
    )
    # Without prefetching, or some of the work would fall between the steps.
    meta_batches = iter(
        tasks.sample_episodes(classes, ways=problems.WAYS, shots=1).batch(
            meta_batch_size, drop_remainder=True
        )
    )

    def step() -> float:
        return float(next(meta_batches).query_x[0, 0, 0, 0, 0])

    return worker.Contender(step, None)
