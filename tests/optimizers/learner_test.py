"""A meta-learner compiled with an optimizer of task gradients."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.optimizers import cases
from tfmeta.gradients import gramian
from tfmeta.learners import maml
from tfmeta.networks import perceptron
from tfmeta.optimizers import linear_scalarization, pcgrad
from tfmeta.training import checkpoints

_WAYS, _FEATURES, _TASKS = 3, 5, 4


def _episodes(batches=3):
    def one(seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(_TASKS, 6, _FEATURES)).astype(np.float32)
        y = rng.integers(_WAYS, size=(_TASKS, 6)).astype(np.int32)
        # One label for all queries of a task: what another task unlearns.
        query_y = np.tile(np.arange(_TASKS)[:, np.newaxis] % _WAYS, (1, 6))
        return x, y, x[:, ::-1], query_y.astype(np.int32)

    stacked = [np.stack(s) for s in zip(*map(one, range(batches)), strict=True)]
    return tf.data.Dataset.from_tensor_slices(tuple(stacked))


def _learner(optimizer, mapping="vectorize"):
    keras.utils.set_random_seed(0)
    learner = maml.MAML(
        perceptron.mlp(_FEATURES, _WAYS, hidden=[7]),
        inner_learning_rate=0.1,
        mapping=mapping,
    )
    learner.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return learner


class LearnerTest(parameterized.TestCase):
    @parameterized.parameters("vectorize", "map")
    def test_mean_is_the_plain_optimizers(self, mapping):
        plain = _learner(keras.optimizers.SGD(0.5), mapping)
        wrapped = _learner(
            linear_scalarization.LinearScalarization(
                keras.optimizers.SGD(0.5), reduction="mean"
            ),
            mapping,
        )
        for learner in (plain, wrapped):
            learner.fit(_episodes(), verbose=0)
        np.testing.assert_allclose(
            cases.flatten(wrapped.trainable_variables),
            cases.flatten(plain.trainable_variables),
            rtol=1e-4,
            atol=1e-6,
        )

    def test_surgery_is_on_the_gradients_of_tasks(self):
        learner = _learner(
            pcgrad.PCGrad(keras.optimizers.SGD(0.5), reduction="mean")
        )
        gradients = learner.task_gradients(next(iter(_episodes()))).gradients
        before = cases.flatten(learner.trainable_variables)
        learner.fit(_episodes().take(1), verbose=0)
        expected = gramian.compute_gramian(gradients)
        np.testing.assert_allclose(
            learner.optimizer.last_gramian, expected, rtol=1e-3, atol=1e-5
        )
        self.assertLess(np.min(expected), 0)
        update = before - cases.flatten(learner.trainable_variables)
        mean = np.concatenate([np.mean(g, axis=0).ravel() for g in gradients])
        self.assertGreater(np.abs(update / 0.5 - mean).max(), 1e-4)

    def test_saves_and_resumes(self):
        def make():
            return _learner(
                pcgrad.PCGrad(keras.optimizers.Adam(0.1), reduction="mean")
            )

        folder = self.create_tempdir().full_path
        whole = make()
        whole.fit(_episodes(), verbose=0)
        whole.save(folder + "/learner.keras")
        checkpoints.Checkpoints(folder).save(whole, 3, None)
        resumed = make()
        checkpoints.Checkpoints(folder).restore(resumed)
        loaded = keras.models.load_model(folder + "/learner.keras")
        for learner in (whole, resumed, loaded):
            learner.fit(_episodes(), verbose=0)
        for learner in (resumed, loaded):
            cases.assert_same(
                cases.values(learner.trainable_variables),
                cases.values(whole.trainable_variables),
            )


if __name__ == "__main__":
    absltest.main()
