"""MAML's outer step in JAX, by the two usual ways through a meta-batch.

`jax_vmap` differentiates the mean of the vmapped tasks' losses, `jax_map` takes
each task's gradient inside `lax.map`. Convolutions are in im2col form (slices
of the image, then one matrix product): as XLA runs on a CPU, its own
convolution with a filter for each task is an order of magnitude slower.

Imports nothing of this repository, see `worker.py`.
"""

import functools
from typing import TYPE_CHECKING

import jax  # type: ignore[import-not-found,unused-ignore]
import jax.numpy as jnp  # type: ignore[import-not-found,unused-ignore]
import numpy as np

if TYPE_CHECKING:
    from experiments.benchmarks import problems, worker

_EPSILON = 1e-3


def build(job: "problems.Job") -> "worker.Contender":
    """Returns the contender's step and gradient."""
    jax.config.update("jax_enable_x64", job.weights[0].dtype == np.float64)
    predict, loss = {
        "conv4": (_conv4, _cross_entropy),
        "mlp": (_mlp, _squared_error),
    }[job.network]
    task_loss = functools.partial(_task_loss, predict, loss, job)
    value_and_grad = {
        "jax_vmap": _vmapped_value_and_grad,
        "jax_map": _mapped_value_and_grad,
    }[job.contender](task_loss)
    episodes = tuple(jnp.asarray(array) for array in job.episodes)
    weights = [jnp.asarray(weight) for weight in job.weights]
    zeros = [jnp.zeros_like(weight) for weight in weights]
    state = (weights, zeros, zeros, jnp.zeros(()))

    @jax.jit
    def train_step(state, episodes):
        loss, gradients = value_and_grad(state[0], episodes)
        return loss, _adam(state, gradients, job.outer_learning_rate)

    def step() -> float:
        nonlocal state
        loss, state = jax.block_until_ready(train_step(state, episodes))
        return float(loss)

    def gradient() -> list[np.ndarray]:
        _, gradients = jax.jit(value_and_grad)(state[0], episodes)
        return [np.asarray(g) for g in gradients]

    return step, gradient  # type: ignore[return-value]


def _vmapped_value_and_grad(task_loss):
    def mean_loss(weights, episodes):
        return jax.vmap(task_loss, (None, 0))(weights, episodes).mean()

    return jax.value_and_grad(mean_loss)


def _mapped_value_and_grad(task_loss):
    def value_and_grad(weights, episodes):
        results = jax.lax.map(
            functools.partial(jax.value_and_grad(task_loss), weights), episodes
        )
        return jax.tree.map(lambda values: values.mean(0), results)

    return value_and_grad


def _task_loss(predict, loss, job, weights, episode):
    support_x, support_y, query_x, query_y = episode
    gradient = jax.grad(lambda w: loss(predict(w, support_x), support_y))
    for _ in range(job.inner_steps):
        weights = [
            w - job.inner_learning_rate * g
            for w, g in zip(weights, gradient(weights), strict=True)
        ]
    return loss(predict(weights, query_x), query_y)


def _conv4(weights, images):
    hidden = images
    for kernel, gamma, beta in zip(*[iter(weights[:-2])] * 3, strict=True):
        hidden = _convolution(hidden, kernel)
        centered = hidden - hidden.mean((0, 1, 2))
        variance = jnp.square(centered).mean((0, 1, 2))
        scale = gamma * jax.lax.rsqrt(variance + _EPSILON)
        hidden = jax.nn.relu(centered * scale + beta)
    return hidden.reshape(len(images), -1) @ weights[-2] + weights[-1]


def _convolution(images, kernel):
    """Convolves with stride 2 and 'same' padding."""
    size = images.shape[1]
    side = -(-size // 2)
    padding = 2 * side + 1 - size
    before = (padding // 2, padding - padding // 2)
    padded = jnp.pad(images, ((0, 0), before, before, (0, 0)))
    span = 2 * side - 1
    patches = jnp.concatenate(
        [
            padded[:, row : row + span : 2, column : column + span : 2]
            for row in range(3)
            for column in range(3)
        ],
        axis=-1,
    )
    filters = kernel.shape[-1]
    # One product of matrices; with the image's axes kept it is slower.
    outputs = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(
        -1, filters
    )
    return outputs.reshape(*patches.shape[:-1], filters)


def _mlp(weights, values):
    *hidden, (kernel, bias) = zip(weights[::2], weights[1::2], strict=True)
    for hidden_kernel, hidden_bias in hidden:
        values = jax.nn.relu(values @ hidden_kernel + hidden_bias)
    return values @ kernel + bias


def _cross_entropy(logits, labels):
    log_probabilities = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_probabilities, labels[:, None], axis=1)
    return -chosen.mean()


def _squared_error(predictions, targets):
    return jnp.square(predictions - targets).mean()


def _adam(state, gradients, rate):
    weights, first, second, count = state
    count += 1
    rate *= jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
    second = [
        0.999 * v + 0.001 * g * g
        for v, g in zip(second, gradients, strict=True)
    ]
    weights = [
        w - rate * m / (jnp.sqrt(v) + 1e-7)
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return weights, first, second, count
