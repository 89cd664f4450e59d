"""The inner loop: gradient descent as a function of its start."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Weights = list[tf.Tensor]


def descend(
    loss: Callable[[Weights, Any], tf.Tensor],
    start: Weights,
    data: Callable[[Any], Any],
    *,
    rates: Sequence[Any],
    steps: int,
    first_order: bool = False,
    differentiable: bool = True,
) -> Weights:
    """Makes steps of gradient descent: `phi <- phi - alpha grad loss(phi)`.

    The loop of MAML (Finn et al. 2017, equation 1). It assigns no variable: it
    is a function of `start` and of all that `loss` closes over, and can be
    differentiated with respect to these.

    Args:
        loss: from the adapted weights and a step's data to a scalar: of
            supervised learning, a policy's surrogate, of imitation.
        start: the weights before the first step.
        data: from the number of a step to what it sees, which may be new at
            each.
        rates: alpha of each weight, numbers or scalar tensors.
        steps: number of steps.
        first_order: whether to drop second derivatives (FOMAML).
        differentiable: whether a derivative is to be taken through the loop.
            Without, the steps are a loop in the graph, so that many of them do
            not make a large one, and a step's number is a tensor.

    Returns:
        The weights after the last step.
    """

    def step(adapted: Weights, number) -> Weights:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(adapted)
            value = loss(adapted, data(number))
        gradients = [
            # Embeddings have sparse ones, which take no arithmetic.
            tf.convert_to_tensor(gradient)
            for gradient in tape.gradient(
                value, adapted, unconnected_gradients="zero"
            )
        ]
        if first_order:
            gradients = [tf.stop_gradient(g) for g in gradients]
        return [
            weight - rate * gradient
            for weight, rate, gradient in zip(
                adapted, rates, gradients, strict=True
            )
        ]

    if differentiable:
        adapted = start
        for number in range(steps):
            adapted = step(adapted, number)
        return adapted
    return tf.while_loop(
        lambda number, _: number < steps,
        lambda number, adapted: (number + 1, step(adapted, number)),
        (0, start),
    )[1]
