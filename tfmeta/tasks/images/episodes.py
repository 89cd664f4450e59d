"""Few-shot classification episodes drawn from labelled images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfmeta import episode, errors
from tfmeta.tasks import arguments, streams
from tfmeta.tasks.images import image_classes

CONSTRUCTIONS = ("mutually_exclusive", "fixed_label_per_class", "fixed_groups")


def sample_episodes(
    classes: image_classes.ImageClasses,
    *,
    ways: int,
    shots: int,
    queries: int = 1,
    construction: str = "mutually_exclusive",
    seed: int = 0,
    start: int = 0,
    assignment_seed: int = 0,
) -> tf.data.Dataset:
    """Returns an endless stream of N-way K-shot episodes.

    Episode number i depends on `seed` and i alone, so a stream can be taken
    up anywhere: `start=k` is the stream without its first k episodes. Batch
    it for a leading task axis:
    `sample_episodes(...).batch(16, drop_remainder=True)`.

    `construction` is the way in which classes form a task and are labelled:

    - `"mutually_exclusive"`: any `ways` classes, labelled at random in each
      task, so that a task cannot be solved without its support. Meta-test
      tasks are of this kind.
    - `"fixed_label_per_class"`: each class has the same label in all tasks; a
      task has one class of each label (Yin et al., 2020, section 6.3). One
      function that ignores the support solves all training tasks.
    - `"fixed_groups"`: the classes are divided into disjoint groups of `ways`
      with fixed labels, and a task is one group (Rajendran et al., 2020).
      Classes that are left over are not used.

    Args:
        classes: the images to draw from. uint8 images are scaled to 0..1,
            float images are passed on as they are.
        ways: classes in a task.
        shots: support images of each class.
        queries: query images of each class, distinct from its support images.
        construction: one of `CONSTRUCTIONS`.
        seed: fixes the stream.
        start: the number of the first episode.
        assignment_seed: fixes which class has which label, or is in which
            group. It is not `seed`, for all streams have the same labels.

    Returns:
        An infinite dataset of `Episode`. Within an episode the images are in
        the order of their labels.

    Raises:
        InputError: if there are fewer classes than `ways`, if a class has
            fewer images than `shots + queries`, or if an argument is unknown
            or out of range.
    """
    _check(
        classes,
        construction=construction,
        sizes={"ways": ways, "shots": shots, "queries": queries},
        assignment_seed=assignment_seed,
    )
    # On the CPU, where tf.data runs. As eager tensors the images are captured
    # by reference; as an array they would be copied into the graph.
    with tf.device("CPU:0"):
        images = tf.constant(classes.images)
        counts = tf.constant(classes.images_per_class, tf.int32)
        offsets = tf.constant(classes.offsets, tf.int32)
        draw_classes, num_keys = _CLASS_SAMPLERS[construction](
            classes.num_classes, ways, assignment_seed
        )
    most_images = int(classes.images_per_class.max())
    columns = tf.range(most_images)
    ragged = len(set(classes.images_per_class.tolist())) > 1

    def sample(task_seed: tf.Tensor) -> episode.Episode:
        keys = streams.random_integers(num_keys + ways * most_images, task_seed)
        class_indices = draw_classes(keys[:num_keys])
        image_keys = tf.reshape(keys[num_keys:], [ways, most_images])
        if ragged:
            exists = columns < tf.gather(counts, class_indices)[:, tf.newaxis]
            image_keys = tf.where(exists, image_keys, tf.int32.min)
        chosen = tf.math.top_k(image_keys, shots + queries).indices
        chosen += tf.gather(offsets, class_indices)[:, tf.newaxis]
        return episode.Episode(
            support_x=_gather_images(images, chosen[:, :shots]),
            support_y=tf.repeat(tf.range(ways), shots),
            query_x=_gather_images(images, chosen[:, shots:]),
            query_y=tf.repeat(tf.range(ways), queries),
        )

    return streams.endless_stream(sample, seed=seed, start=start)


def _gather_images(images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    gathered = tf.gather(images, tf.reshape(indices, [-1]))
    if images.dtype == tf.uint8:
        return tf.cast(gathered, tf.float32) / 255.0
    return gathered


# A construction is a function that draws the classes of a task, in the order of
# their labels, and the number of random integers (over all of int32) that it
# draws them from.
_ClassSampler = tuple[Callable[[tf.Tensor], tf.Tensor], int]


def _mutually_exclusive(
    num_classes: int, ways: int, assignment_seed: int
) -> _ClassSampler:
    del assignment_seed  # Nothing is assigned.
    return lambda keys: tf.math.top_k(keys, ways).indices, num_classes


def _fixed_label_per_class(
    num_classes: int, ways: int, assignment_seed: int
) -> _ClassSampler:
    shuffled = _shuffled(num_classes, assignment_seed)
    # Row y holds the classes with label y. If `ways` does not divide their
    # number, the last column is filled up with classes that are never drawn.
    rows = -(-num_classes // ways)
    table = np.resize(shuffled, [rows, ways]).T
    classes_of_label = tf.constant(table, tf.int32)
    sizes = tf.constant(
        [len(shuffled[label::ways]) for label in range(ways)], tf.int32
    )

    def draw(keys: tf.Tensor) -> tf.Tensor:
        positions = tf.math.floormod(keys, sizes)
        return tf.gather(classes_of_label, positions, batch_dims=1)

    return draw, ways


def _fixed_groups(
    num_classes: int, ways: int, assignment_seed: int
) -> _ClassSampler:
    shuffled = _shuffled(num_classes, assignment_seed)
    num_groups = num_classes // ways
    groups = tf.constant(
        shuffled[: num_groups * ways].reshape([num_groups, ways]), tf.int32
    )
    return lambda keys: groups[tf.math.floormod(keys[0], num_groups)], 1


def _shuffled(num_classes: int, assignment_seed: int) -> np.ndarray:
    return np.random.default_rng(assignment_seed).permutation(num_classes)


_CLASS_SAMPLERS = dict(
    zip(
        CONSTRUCTIONS,
        (_mutually_exclusive, _fixed_label_per_class, _fixed_groups),
        strict=True,
    )
)


def _check(
    classes: image_classes.ImageClasses,
    *,
    construction: str,
    sizes: dict[str, int],
    assignment_seed: int,
) -> None:
    arguments.check_choice("construction", construction, CONSTRUCTIONS)
    arguments.check_sizes(**sizes)
    arguments.check_numbers(assignment_seed=assignment_seed)
    if sizes["ways"] > classes.num_classes:
        raise errors.InputError(
            f"ways: expected at most {classes.num_classes}, the number of "
            f"classes, got {sizes['ways']}"
        )
    needed = sizes["shots"] + sizes["queries"]
    smallest = int(np.argmin(classes.images_per_class))
    available = classes.images_per_class[smallest]
    if needed > available:
        raise errors.InputError(
            f"shots + queries: expected at most {available}, the images of "
            f"class {classes.class_names[smallest]!r}, got "
            f"{sizes['shots']} + {sizes['queries']}"
        )
