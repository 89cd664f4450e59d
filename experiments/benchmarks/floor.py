"""The products of a MAML step, counted: what no implementation can leave out.

A *product* is a convolution or a matrix product y = x W, of c operations (two
for each multiplication and addition, padding included). Each derivative of it
is one product of the same size:

- forward: y = x W                                                        c
- the gradient of W: x' dy                                                c
- the gradient of x: dy W', unless nothing below it is differentiated     c

The outer gradient goes through an inner step once more. Let u be the adjoint of
W's gradient x' dy, and v that of x's gradient dy W':

- the adjoint of dy: x u, and v W                                        2c
- the adjoint of x: dy u', and y* W', where y* is y's own adjoint        2c
- the adjoint of W: v' dy, and x' y*                                     2c

(The Hessian-vector product as a derivative of the gradient along u needs as
many.) How many of these are needed depends on where x comes from:

| x | inner step, there and back | query |
|---|---|---|
| data | 2 + 2 | 2 |
| features: the outputs of layers that are shared, not adapted | 2 + 4 | 3 |
| the outputs of layers that are adapted | 3 + 6 | 3 |

A shared layer sees support and query once each: 2 x 2 from data, else 2 x 3.
Normalization, activations, losses and Adam are not products and not counted.
"""

import itertools

from experiments.benchmarks import problems

_ADAPTED_AFTER_DATA = (4, 2)
_ADAPTED_AFTER_SHARED = (6, 3)
_ADAPTED_AFTER_ADAPTED = (9, 3)
_SHARED_AFTER_DATA = 4
_SHARED_AFTER_SHARED = 6


def step_flops(
    network: str, *, tasks: int, inner_steps: int, head_only: bool = False
) -> int:
    """Counts the operations of a second-order MAML step.

    Args:
        network: `"conv4"` or `"mlp"`, as in `problems.make`.
        tasks: number of tasks in the meta-batch.
        inner_steps: gradient steps of the inner loop.
        head_only: whether only the last layer is adapted.
    """
    first, *others = forward_flops(network)
    if head_only:
        *encoder, head = others
        per_step, query = _ADAPTED_AFTER_SHARED
        of_task = (
            _SHARED_AFTER_DATA * first
            + _SHARED_AFTER_SHARED * sum(encoder)
            + (inner_steps * per_step + query) * head
        )
    else:
        of_task = sum(
            (inner_steps * per_step + query) * flops
            for (per_step, query), flops in (
                (_ADAPTED_AFTER_DATA, first),
                (_ADAPTED_AFTER_ADAPTED, sum(others)),
            )
        )
    return tasks * of_task


def forward_flops(network: str) -> list[int]:
    """Returns c of each layer, for a support or query set."""
    if network == "mlp":
        (support_x, *_), *_ = problems.make(network, tasks=1)
        return [
            2 * support_x.shape[1] * units_in * units_out
            for units_in, units_out in itertools.pairwise(problems.MLP_SIZES)
        ]
    size, _, channels = problems.IMAGE_SHAPE
    flops = []
    for _ in range(4):
        size = -(-size // 2)
        pixels = problems.WAYS * size * size
        flops.append(2 * pixels * 9 * channels * problems.FILTERS)
        channels = problems.FILTERS
    head = 2 * problems.WAYS * size * size * channels * problems.WAYS
    return [*flops, head]
