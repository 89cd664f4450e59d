"""Data of tasks that do not share their inputs."""

from collections.abc import Mapping

import tensorflow as tf

from tfmeta import errors


def zip_tasks(datasets: Mapping[str, tf.data.Dataset]) -> tf.data.Dataset:
    """Joins the data sets of the tasks into one for `fit`.

    The model is one whose inputs and outputs are dicts with the tasks' names,
    such as `tfmeta.networks.join_tasks` or `hard_sharing(own_inputs=True)`
    build. Each of its batches holds one of every task; they may differ in size.

    Args:
        datasets: for each task's name batches `(x, y)`, or `(x, y,
            sample_weight)` for all tasks.

    Returns:
        Batches `({task: x}, {task: y})`, or with `{task: sample_weight}` too;
        as many as the shortest data set has.

    Raises:
        InputError: if there are no data sets, or their elements are not alike.
    """
    sizes = {
        task: len(dataset.element_spec)
        if isinstance(dataset.element_spec, tuple)
        else 1
        for task, dataset in datasets.items()
    }
    if set(sizes.values()) not in ({2}, {3}):
        raise errors.InputError(
            "datasets: expected (x, y), or (x, y, sample_weight), of every "
            f"task, got elements of {sizes}"
        )
    size = next(iter(sizes.values()))

    def transpose(batches):
        return tuple(
            {task: batches[task][part] for task in batches}
            for part in range(size)
        )

    return tf.data.Dataset.zip(dict(datasets)).map(transpose)
