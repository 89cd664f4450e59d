"""Several networks that a learner runs as parts of one."""

from collections.abc import Mapping, Sequence

import keras

from tfmeta import errors


class NetworkParts(keras.Model):
    """Networks that a learner runs one by one, as parts of one network.

    It has their variables, and is not called itself.

    Args:
        parts: by their names; the first takes the examples, and the last makes
            the predictions.
    """

    def __init__(self, parts: Mapping[str, keras.Model]):
        super().__init__(name="parts")
        self.parts = dict(parts)
        self._names = list(parts)
        self.built = True

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The inputs of the first part."""
        return self.parts[self._names[0]].inputs

    @property
    def outputs(self) -> list[keras.KerasTensor]:
        """The outputs of the last part."""
        return self.parts[self._names[-1]].outputs


def check_part(
    argument: str,
    part: keras.Model,
    input_shapes: Sequence[tuple[int | None, ...] | None],
) -> tuple[int | None, ...]:
    """Checks what a user gave as a part.

    Args:
        argument: what the user calls it.
        part: what was given.
        input_shapes: those of its inputs, without the batch; None for any.

    Returns:
        The shape of its output, without the batch.

    Raises:
        InputError: if it is not a built model with these inputs and one output.
    """
    try:
        inputs = [tuple(tensor.shape[1:]) for tensor in part.inputs]
        outputs = [tuple(tensor.shape[1:]) for tensor in part.outputs]
    except (AttributeError, TypeError):
        raise errors.InputError(
            f"{argument}: expected a built Sequential or functional model, got "
            f"{type(part).__name__}"
        ) from None
    if (
        len(outputs) != 1
        or len(inputs) != len(input_shapes)
        or any(
            expected not in (None, shape)
            for expected, shape in zip(input_shapes, inputs, strict=True)
        )
    ):
        expected = ", ".join(str(shape or "any") for shape in input_shapes)
        raise errors.InputError(
            f"{argument}={part.name!r}: expected one output, and inputs of "
            f"shapes {expected}; got {len(outputs)} and "
            f"{', '.join(map(str, inputs))}"
        )
    return outputs[0]


def check_features(argument: str, part: keras.Model) -> tuple[int]:
    """Checks that a part of one input makes vectors of known size.

    Args:
        argument: what the user calls it.
        part: what was given.

    Returns:
        `(features,)`.

    Raises:
        InputError: if it does not, see also `check_part`.
    """
    shape = check_part(argument, part, [None])
    if len(shape) != 1 or shape[0] is None:
        raise errors.InputError(
            f"{argument}={part.name!r}: expected features of shape "
            f"(features,), got {shape}"
        )
    return (shape[0],)
