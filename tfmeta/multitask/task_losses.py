"""The losses of the tasks of a model with several outputs."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.training import class_labels, loss_functions


class TaskLosses:
    """One loss for each output that has one: the tasks.

    Understands what `keras.Model.compile` does: one loss for all outputs, or a
    list or a dict of losses, of which some may be None; losses as names,
    functions or `keras.losses.Loss`. Outputs in a dict are named by its keys,
    those in a list by the layers that make them.

    Args:
        outputs: the model's outputs: a tensor, or a list or dict of tensors.
        output_names: a name for each output that is not in a dict.
        loss: see above.
        loss_weights: None, or a number for each loss, in a list or a dict.

    Attributes:
        loss: as given.
        loss_weights: as given.
        names: the tasks' names.

    Raises:
        InputError: if these do not fit each other, or name unknown losses.
    """

    def __init__(self, outputs, output_names, loss, loss_weights=None):
        self.loss = loss
        self.loss_weights = loss_weights
        self._keys = output_keys(outputs, output_names)
        self._in_dict = isinstance(outputs, Mapping)
        if isinstance(loss, Mapping | list | tuple):
            by_output = self._by_output("loss", loss)
        else:
            by_output = dict.fromkeys(self._keys, loss)
        self._losses = {
            name: _resolve(name, value)
            for name, value in by_output.items()
            if value is not None
        }
        self.names = list(self._losses)
        if not self.names:
            raise errors.InputError(
                f"loss={loss!r}: expected a loss for one or more of the "
                f"outputs {', '.join(self._keys)}"
            )
        self._weights = self._resolve_weights(loss_weights)
        self._classes = {
            name: output.shape[-1]
            for name, output in self._by_output("outputs", outputs).items()
        }

    def __call__(self, y, predictions, sample_weight=None) -> list[tf.Tensor]:
        """Computes the losses as they are, without `loss_weights`.

        Args:
            y: targets, in a list or dict as the outputs, or one tensor.
            predictions: the model's outputs.
            sample_weight: None, one tensor for all outputs, or as `y`.

        Returns:
            A scalar for each of `names`.

        Raises:
            InputError: if `y` or `sample_weight` do not fit the outputs, or a
                loss is not a scalar.
        """
        losses = self._compute(_reduced, y, predictions, sample_weight)
        for name, value in losses.items():
            if value.shape.rank != 0:
                raise errors.InputError(
                    f"loss of {name!r}: expected a scalar, got shape "
                    f"{value.shape}: choose a reduction"
                )
        return list(losses.values())

    def of_examples(
        self, y, predictions, sample_weight=None
    ) -> dict[str, tf.Tensor]:
        """Computes the losses before they are reduced to one for each task.

        Args:
            y: targets, in a list or dict as the outputs, or one tensor.
            predictions: the model's outputs.
            sample_weight: None, one tensor for all outputs, or as `y`.

        Returns:
            For each of `names` the means over each example, `[batch]`, times
            the weights of samples; a scalar of a loss function that returns
            one.

        Raises:
            InputError: if `y` or `sample_weight` do not fit the outputs.
        """
        losses = self._compute(_unreduced, y, predictions, sample_weight)
        return {
            name: tf.reduce_mean(value, axis=list(range(1, value.shape.rank)))
            for name, value in losses.items()
        }

    def check_labels(self, y):
        """Returns targets with class labels through `class_labels.check`.

        Args:
            y: targets, in a list or dict as the outputs, or one tensor.

        Raises:
            InputError: if they do not fit the outputs, or see `check`.
        """
        targets = self._by_output("y", y, needed=self.names)
        targets |= {
            name: class_labels.check(
                f"y/{name}",
                targets[name],
                loss.function if isinstance(loss, _FunctionLoss) else loss,
                self._classes[name],
            )
            for name, loss in self._losses.items()
        }
        if isinstance(y, Mapping):
            return targets
        if isinstance(y, list | tuple):
            return list(targets.values())
        return next(iter(targets.values()))

    def apply_weights(self, losses: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the losses times `loss_weights`."""
        if self._weights is None:
            return losses
        return [
            loss * weight
            for loss, weight in zip(losses, self._weights, strict=True)
        ]

    def batch_sizes(self, predictions) -> list[tf.Tensor]:
        """Returns the number of examples of each task."""
        predictions = self._by_output("predictions", predictions)
        return [tf.shape(predictions[name])[0] for name in self.names]

    def _compute(
        self,
        call: Callable[..., Any],
        y,
        predictions,
        sample_weight,
    ) -> dict[str, tf.Tensor]:
        targets = self._by_output("y", y, needed=self.names)
        predictions = self._by_output("predictions", predictions)
        if isinstance(sample_weight, Mapping | list | tuple):
            sample_weights = self._by_output(
                "sample_weight", sample_weight, needed=self.names
            )
        else:
            sample_weights = dict.fromkeys(self._keys, sample_weight)
        return {
            name: tf.cast(
                call(
                    loss, targets[name], predictions[name], sample_weights[name]
                ),
                keras.config.floatx(),
            )
            for name, loss in self._losses.items()
        }

    def _by_output(self, argument: str, values, needed=()) -> dict[str, Any]:
        """Names the parts of a structure that goes with the outputs."""
        if isinstance(values, Mapping):
            unknown = sorted(set(map(str, values)) - set(self._keys))
            # Targets may come with more than the losses look at.
            if unknown and not needed:
                raise errors.InputError(
                    f"{argument}: {', '.join(unknown)} not among the outputs "
                    f"{', '.join(self._keys)}"
                )
            missing = [name for name in needed if name not in values]
            if missing:
                raise errors.InputError(
                    f"{argument}: nothing for {', '.join(missing)}, got "
                    f"{', '.join(map(str, values))}"
                )
            return dict(values)
        if self._in_dict:
            raise errors.InputError(
                f"{argument}: expected a dict with the outputs' names "
                f"{', '.join(self._keys)}, got {type(values).__name__}"
            )
        if not isinstance(values, list | tuple):
            values = [values]
        if len(values) != len(self._keys):
            raise errors.InputError(
                f"{argument}: expected one for each of the {len(self._keys)} "
                f"outputs, got {len(values)}"
            )
        return dict(zip(self._keys, values, strict=True))

    def _resolve_weights(self, loss_weights) -> list[float] | None:
        if loss_weights is None:
            return None
        if isinstance(loss_weights, Mapping | list | tuple):
            weights = self._by_output("loss_weights", loss_weights, self.names)
        else:
            weights = dict.fromkeys(self.names, loss_weights)
        return [float(weights[name]) for name in self.names]


def output_keys(outputs, output_names) -> list[str]:
    """Returns the names of a model's outputs.

    Args:
        outputs: a tensor, or a list or dict of tensors.
        output_names: a name for each output that is not in a dict.

    Raises:
        InputError: if the outputs are nested deeper, or two have one name.
    """
    if isinstance(outputs, Mapping):
        parts, names = list(outputs.values()), list(outputs)
    elif isinstance(outputs, list | tuple):
        parts, names = list(outputs), list(output_names)
    else:
        parts, names = [outputs], list(output_names)
    if any(isinstance(part, Mapping | list | tuple) for part in parts):
        raise errors.InputError(
            "outputs: expected a tensor, or a list or dict of tensors, got "
            "deeper nesting"
        )
    if len(set(names)) < len(names):
        raise errors.InputError(
            f"outputs: several are named alike ({', '.join(names)}): give a "
            "dict with a name for each task"
        )
    return names


class _FunctionLoss(keras.losses.Loss):
    """A loss function of examples, reduced as Keras reduces it."""

    def __init__(self, function):
        # TensorFlow takes no name such as <lambda>.
        super().__init__(name="loss")
        self.function = function

    def call(self, y_true, y_pred):
        return loss_functions.apply(self.function, y_true, y_pred)


def _resolve(name: str, loss) -> keras.losses.Loss:
    try:
        resolved = keras.losses.get(loss)
    except (TypeError, ValueError) as error:
        raise errors.InputError(
            f"loss of {name!r}: {loss!r} is not a loss that Keras knows"
        ) from error
    if isinstance(resolved, keras.losses.Loss):
        return resolved
    return _FunctionLoss(resolved)


def _reduced(loss: keras.losses.Loss, *arguments) -> tf.Tensor:
    return loss(*arguments)


def _unreduced(loss: keras.losses.Loss, *arguments) -> tf.Tensor:
    # There may be no other way to a copy of it than its configuration, which
    # need not be one that Keras can read.
    reduction = loss.reduction
    loss.reduction = "none"
    try:
        return loss(*arguments)
    finally:
        loss.reduction = reduction
