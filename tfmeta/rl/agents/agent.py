"""What all agents have in common."""

import abc
import os
from collections.abc import Mapping
from typing import Any

import keras

from tfmeta.rl import weight_files


class Agent(abc.ABC):
    """What Keras' callbacks look at, and what was learned as a file.

    Attributes:
        stop_training: a callback sets it to end `fit` after the epoch.
    """

    # Keras' TensorBoard asks for it, to draw it.
    train_function = None
    stop_training = False

    def save_weights(self, path: str | os.PathLike) -> None:
        """Writes what the agent has learned; what trains it is left out.

        Args:
            path: a file, replaced if it exists.

        Raises:
            OSError: if it cannot be written.
        """
        weight_files.save(path, self._learned_variables, self._statistics())

    def load_weights(self, path: str | os.PathLike) -> None:
        """Reads what `save_weights` wrote.

        Args:
            path: the file.

        Raises:
            InputError: if it cannot be read, or is of another agent.
        """
        self._set_statistics(
            weight_files.load(
                path, self._learned_variables, list(self._statistics())
            )
        )

    @property
    @abc.abstractmethod
    def _learned_variables(self) -> list[keras.Variable]:
        """What the file has, in an order that an agent built alike has, too."""

    def _statistics(self) -> dict[str, Any]:
        """Returns the states of what normalizes, by name: of nothing."""
        return {}

    def _set_statistics(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `_statistics` returned."""
        del state
