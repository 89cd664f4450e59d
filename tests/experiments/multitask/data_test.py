"""The images of the tasks as networks get them."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.multitask import data
from tfmeta.tasks.images import image_classes, task_splits


class DataTest(parameterized.TestCase):
    def test_images_are_standardized_by_those_of_train(self):
        rng = np.random.default_rng(0)

        def draw(mean):
            images = rng.normal(mean, [20, 5], (400, 4, 4, 2)).clip(0, 255)
            return {
                "a": image_classes.ImageClasses(
                    images.astype(np.uint8), np.repeat([0, 1], 200)
                )
            }

        batches = data.Data(
            task_splits.TaskSplits(draw(100), draw(120), draw(100)),
            {"batch_size": 400, "augmentation": "none", "seed": 0},
        )
        train, _ = next(iter(batches.train_batches(0)))
        np.testing.assert_allclose(np.mean(train["a"], (0, 1, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(np.std(train["a"], (0, 1, 2)), 1, rtol=1e-4)
        validation = np.concatenate(
            [x["a"] for x, _ in batches.all_batches("validation")]
        )
        np.testing.assert_allclose(validation.mean((0, 1, 2)), [1, 4], rtol=0.1)

    def test_augmentation_shifts_and_mirrors(self):
        image = np.arange(1.0, 17 * 16 + 1).reshape(1, 17, 16, 1)
        images = tf.constant(np.repeat(image, 400, 0))
        changed = data.crop_and_flip(images, tf.constant([3, 4])).numpy()[
            ..., 0
        ]
        self.assertEqual(changed.shape, (400, 17, 16))
        found = set()
        for one in changed:
            # What the padding left, and where the middle went to.
            (rows,), (columns,) = (np.nonzero(one.any(axis)) for axis in (1, 0))
            inside = one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            mirrored = inside[0, 0] > inside[0, -1]
            if mirrored:
                one, inside = one[:, ::-1], inside[:, ::-1]
            np.testing.assert_array_equal(np.diff(inside, axis=0), 16)
            np.testing.assert_array_equal(np.diff(inside, axis=1), 1)
            (middle,) = np.argwhere(one == image[0, 8, 8, 0])
            found.add((*(middle - 8).tolist(), bool(mirrored)))
        self.assertEqual(
            found,
            {
                (down, right, mirrored)
                for down in range(-2, 3)
                for right in range(-2, 3)
                for mirrored in (False, True)
            },
        )


if __name__ == "__main__":
    absltest.main()
