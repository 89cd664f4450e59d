"""MTAN, the multi-task attention network."""

from collections.abc import Callable, Mapping, Sequence

import keras

from tfmeta import errors
from tfmeta.layers.sharing import task_attention

# The encoder of SegNet, which is VGG-16's.
_SEGNET = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def mtan(
    heads: Mapping[str, Callable],
    *,
    input_shape: Sequence[int],
    stages: Sequence[tuple[int, int]] = _SEGNET,
) -> keras.Model:
    """Builds a shared encoder with attention modules for each task.

    Liu, Johns & Davison (2019), section 3. A stage of the encoder is a number
    of convolutions of 3x3 with batch normalization and ReLU, then max pooling
    by 2. In each stage each task has a `TaskAttention`. Its masked features
    pass through one more convolution, which the tasks share, and the pooling;
    those of the last stage are the input of the task's head. As in the authors'
    code, that convolution has the channels of the next stage. The paper's
    decoder is left to the heads.

    Attention layers are named `{task}_attention{1, 2, ...}`.

    Args:
        heads: for each task's name a layer, a model or a function of Keras
            tensors, from the task's features `[batch, height / 2^stages, width
            / 2^stages, channels]` to its output.
        input_shape: `(height, width, channels)` of an image.
        stages: for each stage its channels and number of convolutions.

    Returns:
        A Keras model: images `[batch, *input_shape]` to a dict of outputs, with
        the tasks' names as keys.

    Raises:
        InputError: if there are no heads, or no stages, or one of these has no
            channels or convolutions.
    """
    if not heads:
        raise errors.InputError("heads={}: expected one or more tasks")
    if not stages or any(min(stage) < 1 for stage in stages):
        raise errors.InputError(
            f"stages={stages}: expected pairs of channels and convolutions"
        )
    inputs = keras.Input(tuple(input_shape), name="image")
    shared = inputs
    attended: dict[str, list] = {task: [] for task in heads}
    for number, (filters, convolutions) in enumerate(stages, start=1):
        shared = first = _convolution(filters, f"stage{number}_conv1")(shared)
        for position in range(2, convolutions + 1):
            shared = _convolution(filters, f"stage{number}_conv{position}")(
                shared
            )
        next_filters = stages[min(number, len(stages) - 1)][0]
        extract = _convolution(next_filters, f"stage{number}_extract")
        pool = keras.layers.MaxPooling2D(name=f"stage{number}_pool")
        for task, previous in attended.items():
            attention = task_attention.TaskAttention(
                name=f"{task}_attention{number}"
            )
            masked = attention([first, shared, *previous])
            attended[task] = [pool(extract(masked))]
        shared = pool(shared)
    return keras.Model(
        inputs,
        {task: head(*attended[task]) for task, head in heads.items()},
        name="mtan",
    )


def _convolution(filters: int, name: str) -> Callable:
    """Returns layers as one function, which can be called several times."""
    convolution = keras.layers.Conv2D(filters, 3, padding="same", name=name)
    normalization = keras.layers.BatchNormalization(name=f"{name}_norm")
    activation = keras.layers.ReLU(name=f"{name}_relu")
    return lambda values: activation(normalization(convolution(values)))
