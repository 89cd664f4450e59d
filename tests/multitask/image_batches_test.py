"""Batches of several tasks: what is in them, and in which order."""

import collections
import itertools

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.multitask import image_batches
from tfmeta.tasks.images import image_classes


def _classes(sizes, first):
    """Returns images that hold their own number alone, from `first` on."""
    numbers = np.arange(first, first + sum(sizes), dtype=np.float32)
    return image_classes.ImageClasses(
        np.broadcast_to(numbers[:, None, None, None], (sum(sizes), 2, 3, 1)),
        np.repeat(np.arange(len(sizes)), sizes),
    )


_TASKS = {"a": _classes([4, 3], 0), "b": _classes([2, 1, 2], 100)}


def _numbers(dataset, count=None):
    """Returns for each task the images' numbers and labels, batch by batch."""
    batches = list(dataset if count is None else dataset.take(count))
    return {
        task: [
            (x[task][:, 0, 0, 0].numpy().tolist(), y[task].numpy().tolist())
            for x, y in batches
        ]
        for task in batches[0][0]
    }


class ShuffledTest(parameterized.TestCase):
    def test_each_pass_has_every_image_once_with_its_label(self):
        found = _numbers(image_batches.shuffled_batches(_TASKS, 3), 35)
        for task, classes in _TASKS.items():
            size = len(classes.images)
            first = classes.images[0, 0, 0, 0]
            pairs = [
                pair
                for numbers, labels in found[task]
                for pair in zip(numbers, labels, strict=True)
            ]
            everything = [
                (first + index, label)
                for index, label in enumerate(classes.labels)
            ]
            passes = [pairs[i : i + size] for i in range(0, 105, size)]
            for one in passes:
                self.assertCountEqual(one, everything)
            self.assertGreater(len({tuple(one) for one in passes}), 5)

    @parameterized.parameters(1, 2, 3, 8, 50)
    def test_starting_later_is_going_on(self, start):
        def add_noise(images, seed):
            return images + tf.random.stateless_normal((), seed)

        def batches(start):
            return _numbers(
                image_batches.shuffled_batches(
                    _TASKS, 4, seed=3, start=start, transform=add_noise
                ),
                60 - start,
            )

        whole, rest = batches(0), batches(start)
        for task in _TASKS:
            self.assertEqual(rest[task], whole[task][start:])

    def test_a_seed_fixes_the_order_of_each_task(self):
        task = {"a": _TASKS["a"], "b": _TASKS["a"]}
        one, again, other = (
            _numbers(image_batches.shuffled_batches(task, 7, seed=seed), 4)
            for seed in (1, 1, 2)
        )
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)
        self.assertNotEqual(one["a"], one["b"])

    def test_transform_gets_a_seed_of_its_own_each_time(self):
        seen: collections.Counter[float] = collections.Counter()

        def record(images, seed):
            return tf.zeros_like(images) + tf.random.stateless_normal((), seed)

        for x, _ in image_batches.shuffled_batches(
            _TASKS, 2, transform=record
        ).take(20):
            seen.update(float(x[task][0, 0, 0, 0]) for task in x)
        self.assertLen(seen, 2 * 20)

    def test_bytes_become_shares(self):
        classes = image_classes.ImageClasses(
            np.full((3, 2, 2, 1), 51, np.uint8), np.zeros(3, int)
        )
        x, y = next(iter(image_batches.shuffled_batches({"a": classes}, 2)))
        np.testing.assert_allclose(x["a"], np.full((2, 2, 2, 1), 0.2))
        self.assertEqual(x["a"].dtype, tf.float32)
        self.assertEqual(y["a"].dtype, tf.int32)

    @parameterized.parameters(
        ({"tasks": {}}, "tasks={}"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"start": -1}, "start=-1"),
    )
    def test_bad_input(self, arguments, message):
        arguments = {"tasks": _TASKS, "batch_size": 2} | arguments
        with self.assertRaisesRegex(errors.InputError, message):
            image_batches.shuffled_batches(**arguments)


class OrderedTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 3, 7, 100)
    def test_every_image_comes_once(self, batch_size):
        found = _numbers(image_batches.ordered_batches(_TASKS, batch_size))
        self.assertEqual(len(found["a"]), len(found["b"]))
        for task, classes in _TASKS.items():
            numbers, labels = (
                list(itertools.chain(*column))
                for column in zip(*found[task], strict=True)
            )
            self.assertEqual(numbers, classes.images[:, 0, 0, 0].tolist(), task)
            self.assertEqual(labels, classes.labels.tolist())
            if batch_size > 1:
                self.assertLessEqual(
                    max(len(n) for n, _ in found[task]), batch_size
                )

    def test_transform(self):
        dataset = image_batches.ordered_batches(
            _TASKS, 100, transform=lambda images: -images
        )
        self.assertEqual(
            _numbers(dataset)["b"][0][0], [-100, -101, -102, -103, -104]
        )


if __name__ == "__main__":
    absltest.main()
