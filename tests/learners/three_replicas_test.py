"""Three replicas with unlike shares of a meta-batch."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta import learners, networks, optimizers

_TASKS = 5


def setUpModule():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 3
    )


def _episodes():
    rng = np.random.default_rng(0)
    shapes = ((5, 3), (5, 1), (4, 3), (4, 1))
    arrays = tuple(
        rng.normal(size=(_TASKS, *shape)).astype(np.float32) for shape in shapes
    )
    # Of unknown size, since it does not share out evenly.
    return tf.data.Dataset.from_tensor_slices(arrays).batch(_TASKS).repeat(2)


class ThreeReplicasTest(absltest.TestCase):
    def test_the_update_is_that_of_one(self):
        fitted = []
        strategies = (
            tf.distribute.get_strategy(),
            tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(3)]),
        )
        for strategy in strategies:
            with strategy.scope():
                keras.utils.set_random_seed(0)
                learner = learners.MAML(
                    networks.mlp(3, 1, hidden=(4,)), mapping="map", seed=1
                )
                learner.compile(
                    optimizers.PCGrad(
                        keras.optimizers.SGD(0.05), reduction="mean"
                    ),
                    "mse",
                    jit_compile=False,
                )
            start = [v.numpy() for v in learner.trainable_variables]
            learner.fit(_episodes(), verbose=0, shuffle=False)
            fitted.append(learner)
        for before, one, three in zip(
            start, *(each.trainable_variables for each in fitted), strict=True
        ):
            np.testing.assert_allclose(one, three, rtol=2e-5, atol=1e-6)
            self.assertGreater(np.abs(one - before).max(), 1e-4)


if __name__ == "__main__":
    absltest.main()
