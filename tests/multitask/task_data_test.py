"""Data sets of tasks become one."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.multitask import task_data


def _dataset(batches, size, offset, parts=2):
    columns = [
        np.arange(batches * size) + offset + 100 * part for part in range(parts)
    ]
    return tf.data.Dataset.from_tensor_slices(tuple(columns)).batch(size)


class ZipTasksTest(parameterized.TestCase):
    @parameterized.parameters(2, 3)
    def test_batches_are_those_of_the_tasks(self, parts):
        datasets = {
            "a": _dataset(3, 2, 0, parts),
            "b": _dataset(2, 4, 1000, parts),
        }
        zipped = list(task_data.zip_tasks(datasets))
        self.assertLen(zipped, 2)  # The shortest ends it.
        for step, batch in enumerate(zipped):
            self.assertLen(batch, parts)
            for task, dataset in datasets.items():
                expected = list(dataset)[step]
                for part in range(parts):
                    np.testing.assert_array_equal(
                        batch[part][task], expected[part]
                    )

    @parameterized.named_parameters(
        ("none", {}),
        ("unlike", {"a": _dataset(1, 1, 0), "b": _dataset(1, 1, 0, 3)}),
        ("no_targets", {"a": tf.data.Dataset.range(3)}),
    )
    def test_bad(self, datasets):
        with self.assertRaisesRegex(errors.InputError, "datasets: expected"):
            task_data.zip_tasks(datasets)


if __name__ == "__main__":
    absltest.main()
