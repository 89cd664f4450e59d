"""The networks of multi-task CIFAR-100, with all ways of sharing."""

from collections.abc import Sequence

import keras

from tfmeta import errors
from tfmeta.layers import arguments
from tfmeta.layers.normalization import task_normalization
from tfmeta.layers.sharing import cross_stitch, routers
from tfmeta.networks import routing, sharing

VARIANTS = ("independent", "one_fc", "all_fc", "cross_stitch", "routing")


def task_networks(
    variant: str,
    tasks: Sequence[str],
    *,
    classes: int = 5,
    input_shape: Sequence[int] = (32, 32, 3),
    filters: int = 160,
    units: Sequence[int] = (320, 320),
    router: routers.Router | None = None,
) -> dict[str, keras.Model]:
    """Builds classifiers as Yu et al. (2020) and Rosenbaum et al. (2018) do.

    A network is three convolutions of 3x3 with 160 filters and two fully
    connected layers of 320 units, then the logits. Each convolution is followed
    by ReLU and max pooling by 2, and the last of them by a normalization, as in
    the code that the papers cite. There batches are normalized; here it is
    examples (`TaskLayerNormalization`), for a training batch is of one task,
    and its statistics are not those of the mixture of tasks that batch
    normalization would use at inference.

    The variants differ in what the tasks share:

    - `independent`: nothing.
    - `one_fc`: all layers but the last.
    - `all_fc`: the convolutions, not the fully connected layers.
    - `cross_stitch`: the convolutions. Each task has a column of fully
      connected layers, and a `CrossStitch` unit after each layer mixes the
      columns (Misra et al. 2016). A task's batch passes through the columns of
      all tasks, so the cost of a step grows as the square of their number.
    - `routing`: the convolutions, and k blocks of each fully connected layer,
      the last included, among which a router chooses (`routing_networks`).

    Args:
        variant: one of those.
        tasks: the tasks' names.
        classes: number of classes of each task.
        input_shape: `(height, width, channels)` of an image, 8 pixels or more.
        filters: of each convolution.
        units: of each hidden fully connected layer.
        router: for `routing` only: the agents, with `depth = len(units) + 1`.
            By default there are as many blocks as tasks, as in the paper.

    Returns:
        For each task a Keras model, from images `[batch, *input_shape]` of this
        task to logits `[batch, classes]`. They share layers and are trained
        together; `join_tasks` makes one model of them.

    Raises:
        InputError: if the variant is unknown, there are no tasks or two of one
            name, or `router` is given for another variant or other tasks.
    """
    tasks = arguments.check_task_names(tasks)
    if variant not in VARIANTS:
        raise errors.InputError(
            f"variant={variant!r}: expected one of {', '.join(VARIANTS)}"
        )
    if router is not None and (variant != "routing" or router.tasks != tasks):
        raise errors.InputError(
            f"router={router.name!r}: expected one for variant 'routing' and "
            "the same tasks"
        )
    if variant == "independent":
        return {
            task: _one_network(
                task,
                _trunk(input_shape, filters, f"{task}_trunk"),
                [*_hidden_layers(units), _head(classes, task)],
            )
            for task in tasks
        }
    trunk = _trunk(input_shape, filters, "trunk")
    if variant == "routing":
        router = router or routers.Router(
            tasks, len(units) + 1, len(tasks), name="router"
        )
        return routing.routing_networks(trunk, router, [*units, classes])
    if variant == "cross_stitch":
        return _cross_stitched(trunk, tasks, units, classes)
    shared = _hidden_layers(units)
    return {
        task: _one_network(
            task,
            trunk,
            [
                *(shared if variant == "one_fc" else _hidden_layers(units)),
                _head(classes, task),
            ],
        )
        for task in tasks
    }


def _trunk(input_shape: Sequence[int], filters: int, name: str) -> keras.Model:
    """Makes the convolutions: images to `[batch, features]`."""
    inputs = hidden = keras.Input(tuple(input_shape), name="image")
    for number in range(1, 4):
        hidden = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            name=f"conv{number}",
        )(hidden)
        hidden = keras.layers.MaxPooling2D(name=f"pool{number}")(hidden)
    hidden = keras.layers.Flatten(name="flatten")(hidden)
    hidden = task_normalization.TaskLayerNormalization(name="norm")(hidden)
    return keras.Model(inputs, hidden, name=name)


def _hidden_layers(units: Sequence[int]) -> list[keras.Layer]:
    return [keras.layers.Dense(size, activation="relu") for size in units]


def _head(classes: int, task: str) -> keras.Layer:
    return keras.layers.Dense(classes, name=f"{task}_head")


def _one_network(
    task: str, trunk: keras.Model, layers: Sequence[keras.Layer]
) -> keras.Model:
    inputs = sharing.new_input(trunk, task)
    hidden = trunk(inputs)
    for layer in layers:
        hidden = layer(hidden)
    return keras.Model(inputs, hidden, name=task)


def _cross_stitched(
    trunk: keras.Model,
    tasks: Sequence[str],
    units: Sequence[int],
    classes: int,
) -> dict[str, keras.Model]:
    columns = [_hidden_layers(units) for _ in tasks]
    units_between = [
        cross_stitch.CrossStitch(name=f"cross_stitch{number}")
        for number in range(1, len(units) + 1)
    ]
    networks = {}
    for index, task in enumerate(tasks):
        inputs = sharing.new_input(trunk, task)
        activations = [trunk(inputs)] * len(tasks)
        for stitch, layers in zip(
            units_between, zip(*columns, strict=True), strict=True
        ):
            activations = stitch(
                [
                    layer(values)
                    for layer, values in zip(layers, activations, strict=True)
                ]
            )
        logits = _head(classes, task)(activations[index])
        networks[task] = keras.Model(inputs, logits, name=task)
    return networks
