"""What a cell of a Keras RNN is."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class RecurrentCell(Protocol):
    """A layer that makes one step of a recurrent network.

    Attributes:
        state_size: size of its state, or a list of sizes.
        output_size: size of its output.
    """

    state_size: Any
    output_size: int
