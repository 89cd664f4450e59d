"""Multi-task networks with a shared trunk."""

from collections.abc import Callable, Container, Mapping
from typing import Protocol, runtime_checkable

import keras

from tfmeta import errors


@runtime_checkable
class _BuiltModel(Protocol):
    """A functional model, or a Sequential one that is built."""

    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def hard_sharing(
    trunk: keras.Model,
    heads: Mapping[str, Callable],
    *,
    own_inputs: bool = False,
) -> keras.Model:
    """Builds a trunk that all tasks share, with a head for each (Caruana 1997).

    Args:
        trunk: a built model of one input and one output.
        heads: for each task's name a layer, a model or a function of Keras
            tensors, from the trunk's output to the task's.
        own_inputs: whether each task has data of its own. The model then takes
            a dict of inputs and calls the trunk once for each task; the batches
            may differ in size.

    Returns:
        A Keras model, from the trunk's input, or a dict of such, to a dict of
        outputs, with the tasks' names as keys.

    Raises:
        InputError: if there are no heads, or the trunk is not built or has
            several inputs or outputs.
    """
    if not heads:
        raise errors.InputError("heads={}: expected one or more tasks")
    taken = {getattr(part, "name", None) for part in (trunk, *heads.values())}
    if not own_inputs:
        inputs = new_input(trunk, "inputs", taken)
        features = trunk(inputs)
        return keras.Model(
            inputs,
            {task: head(features) for task, head in heads.items()},
            name="hard_sharing",
        )
    own = {task: new_input(trunk, task, taken) for task in heads}
    return keras.Model(
        own,
        {task: head(trunk(own[task])) for task, head in heads.items()},
        name="hard_sharing",
    )


def join_tasks(models: Mapping[str, keras.Model]) -> keras.Model:
    """Joins the networks of tasks with data of their own.

    Layers that the networks share are shared in the joint model, too, also when
    it is saved and loaded.

    Args:
        models: a model of one input and one output for each task's name.

    Returns:
        A Keras model, from a dict of inputs to a dict of outputs.

    Raises:
        InputError: if there are no models.
    """
    if not models:
        raise errors.InputError("models={}: expected one or more tasks")
    return keras.Model(
        {task: model.input for task, model in models.items()},
        {task: model.output for task, model in models.items()},
        name="joint",
    )


def new_input(
    trunk: keras.Model, name: str, taken: Container[str | None] = ()
) -> keras.KerasTensor:
    """Returns a new input like that of a trunk.

    Args:
        trunk: a built model of one input and one output.
        name: the input's name.
        taken: names of the model's layers, which all have to differ. If `name`
            is among them, the layer that makes the input has another.

    Raises:
        InputError: if the trunk is not built, or has several inputs or outputs.
    """
    if (
        not isinstance(trunk, _BuiltModel)
        or len(trunk.inputs) != 1
        or len(trunk.outputs) != 1
    ):
        raise errors.InputError(
            f"trunk={trunk}: expected a built model of one input and one output"
        )
    (old,) = trunk.inputs
    # Keras names a dict's inputs by their tensors, and a model's parts by their
    # layers.
    tensor = keras.KerasTensor(
        (None, *old.shape[1:]), dtype=old.dtype, name=name
    )
    return keras.layers.InputLayer(
        input_tensor=tensor, name=f"{name}_input" if name in taken else name
    ).output
