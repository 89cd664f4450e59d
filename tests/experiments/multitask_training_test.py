"""Training of tasks together: what is evaluated, and how a kill ends."""

import functools
import pathlib
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments import (
    multitask_data,
    multitask_methods,
    multitask_training,
    run_folder,
)
from tests.experiments import killed_runs, multitask_cases
from tfmeta.tasks.images import image_classes, task_splits


def setUpModule():
    # As the command: without XLA, whose compilation takes its time.
    tf.config.experimental.enable_op_determinism()


class RunMethodTest(parameterized.TestCase):
    def run_method(self, name, out, steps=4, steps_per_epoch=2):
        method = multitask_methods.METHODS[name]
        return multitask_training.run_method(
            name,
            method,
            method.settings(filters=3, units=(4, 4), learning_rate=0.01),
            multitask_data.Data(
                multitask_cases.small_splits(), 3, "crop_flip", seed=1
            ),
            multitask_training.Budget(
                steps, steps_per_epoch, ("validation", "test")
            ),
            run_folder.RunFolder(out, {}),
        )

    @parameterized.parameters(
        "dwa",  # What weights the losses looks back on epochs.
        "routing_pcgrad",  # Draws decisions and orders; learns policies.
    )
    def test_a_killed_run_ends_as_if_it_had_not_been(self, name):
        killed_runs.assert_ends_as_if_it_had_not_been(
            self, name, functools.partial(self.run_method, name)
        )

    def test_learns_and_leaves_scores_of_each_task_and_conflicts(self):
        out = pathlib.Path(self.create_tempdir().full_path)
        outcome = self.run_method("pcgrad", out, 40, 20)
        self.assertEqual(list(outcome["splits"]), ["validation", "test"])
        for scores, images in zip(
            outcome["splits"].values(), (3 * 6, 3 * 8), strict=True
        ):
            self.assertEqual(scores["accuracy"]["images"], images)
            self.assertAlmostEqual(
                scores["accuracy"]["mean"],
                np.mean(list(scores["task_accuracy"].values())),
            )
        self.assertGreater(outcome["splits"]["test"]["accuracy"]["mean"], 0.8)
        self.assertBetween(outcome["conflicts"]["conflicting_pairs"], 0, 1)
        cosines = np.array(outcome["cosines"])
        np.testing.assert_allclose(np.diag(cosines), 1, rtol=1e-6)
        self.assertAlmostEqual(
            np.mean(cosines[np.triu_indices(len(cosines), 1)]),
            outcome["curve"][-1]["gradient_cosine"],
        )
        self.assertEqual([p["step"] for p in outcome["curve"]], [20, 40])
        # One accuracy in the place of one for each task.
        self.assertContainsSubset(
            {"loss", "accuracy", "val_loss", "val_accuracy"},
            outcome["curve"][0],
        )
        for name in ("task0_loss", "val_task0_accuracy"):
            self.assertNotIn(name, outcome["curve"][0])
        self.assertAlmostEqual(
            outcome["curve"][-1]["val_accuracy"],
            outcome["splits"]["validation"]["accuracy"]["mean"],
            places=6,
        )
        self.assertFalse((out / "pcgrad" / "checkpoints").exists())
        with mock.patch.object(keras.Model, "save") as save:
            again = self.run_method("pcgrad", out, 40, 20)
        save.assert_not_called()
        self.assertEqual(again, outcome)


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

        data = multitask_data.Data(
            task_splits.TaskSplits(draw(100), draw(120), draw(100)),
            batch_size=400,
            augmentation="none",
            seed=0,
        )
        train, _ = next(iter(data.train_batches(0)))
        np.testing.assert_allclose(np.mean(train["a"], (0, 1, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(np.std(train["a"], (0, 1, 2)), 1, rtol=1e-4)
        validation = np.concatenate(
            [x["a"] for x, _ in data.all_batches("validation")]
        )
        np.testing.assert_allclose(validation.mean((0, 1, 2)), [1, 4], rtol=0.1)

    def test_augmentation_shifts_and_mirrors(self):
        image = np.arange(1.0, 17 * 16 + 1).reshape(1, 17, 16, 1)
        images = tf.constant(np.repeat(image, 400, 0))
        changed = multitask_data.crop_and_flip(
            images, tf.constant([3, 4])
        ).numpy()[..., 0]
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
