"""Errors of each object, of a learner that errs as told."""

import pathlib
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from experiments.poses import experiment, objects
from experiments.run import contract
from tfmeta import learners, tasks


class _ErrsByBrightness:
    """Errs by the images' grey, whatever the support."""

    def predict_queries(self, episodes):
        query_x, query_y = episodes[2:]
        adapted = query_y + tf.reduce_max(query_x, axis=(2, 3))
        return learners.QueryPredictions(adapted, adapted, adapted)


def _objects(greys, renders=6):
    images = np.zeros([len(greys), renders, 8, 8, 1], np.uint8)
    images += np.array(greys, np.uint8)[:, None, None, None, None]
    azimuths = np.random.default_rng(0).uniform(0, 6, images.shape[:2])
    return tasks.PoseObjects(
        images, azimuths, [f"car/{grey}" for grey in greys]
    )


class PoseObjectsTest(absltest.TestCase):
    def test_each_objects_error_is_its_own(self):
        found = objects.mean_errors(
            _ErrsByBrightness(),
            _objects([51, 255, 0]),
            shots=2,
            queries=3,
            seed=0,
        )
        self.assertEqual(list(found), ["car/51", "car/255", "car/0"])
        np.testing.assert_allclose(
            list(found.values()), [0.04, 1.0, 0.0], atol=1e-5
        )

    def test_the_best_without_telling_both_ends_apart(self):
        label = np.random.default_rng(0).uniform(0, 10, 100000)
        either = np.stack([label, (label + 5) % 10])
        best = np.mean((either - either.mean(0)) ** 2)
        alike, mean = objects.REFERENCES.values()
        self.assertAlmostEqual(best, alike)
        self.assertAlmostEqual(np.var(label), mean, delta=0.05)

    def test_draws(self):
        file = pathlib.Path(self.create_tempdir().full_path) / "objects.png"
        run = contract.Run(
            experiment.EXPERIMENT,
            mock.Mock(shown_split="meta-test"),
            [],
            {
                "maml": {"objects": {"car/1": 2.0, "sofa/2": 1.0}},
                "cnp": {"objects": {"car/1": 12.0, "sofa/2": 5.0}},
            },
            file.parent,
        )
        objects.OBJECTS.draw(run, file)
        self.assertGreater(file.stat().st_size, 1000)


if __name__ == "__main__":
    absltest.main()
