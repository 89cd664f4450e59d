"""Sums over replicas, and what one replica alone makes of them."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from tfmeta.gradients import replicas


def _sparse(value):
    return tf.IndexedSlices(
        tf.reshape(value, (1, 1)), tf.constant([2]), tf.constant([3, 1])
    )


class ReplicasTest(absltest.TestCase):
    strategy: tf.distribute.Strategy

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def test_two(self):
        strategy = self.strategy

        @tf.function
        def run():
            def step():
                number = tf.distribute.get_replica_context()
                share = 1.0 + tf.cast(
                    number.replica_id_in_sync_group, tf.float32
                )
                total = replicas.sum_over_replicas({"a": share, "b": [share]})
                kept = replicas.zero_but_on_first([total["a"], _sparse(share)])
                self.assertTrue(replicas.is_one_of_several())
                self.assertEqual(replicas.sum_over_replicas([]), [])
                return (
                    total["a"],
                    total["b"][0],
                    *map(tf.convert_to_tensor, kept),
                )

            return strategy.run(step)

        first, other = zip(
            *map(strategy.experimental_local_results, run()), strict=True
        )
        self.assertEqual(first[:3], (3, 3, 3))
        self.assertEqual(other[:3], (3, 3, 0))
        np.testing.assert_array_equal(first[3], [[0], [0], [1]])
        np.testing.assert_array_equal(other[3], [[0], [0], [0]])
        # Outside of `run` nobody else is there to sum with.
        with strategy.scope():
            self.assertEqual(replicas.count(), 2)
            self.assertFalse(replicas.is_one_of_several())

    def test_tasks_stand_side_by_side_in_the_order_of_the_replicas(self):
        @tf.function
        def run(sizes):
            def step():
                context = tf.distribute.get_replica_context()
                number = context.replica_id_in_sync_group
                # The last shape is not known before.
                size = sizes[number]
                share = tf.fill((2, 3, 1), tf.cast(number, tf.float32))
                tensors = {
                    "few": share,
                    "whole": tf.fill((2,), number),
                    "uneven": tf.fill((size, 2), tf.cast(number, tf.float64)),
                    "all": [10 + share[..., 0], share[:, 0, 0]],
                }
                return replicas.join(tensors, replicas.Split.TASKS)

            return self.strategy.run(step)

        results = run(tf.constant([1, 3]))
        for place in (0, 1):
            result = tf.nest.map_structure(
                lambda v, place=place: self.strategy.experimental_local_results(
                    v
                )[place],
                results,
            )
            numbers = np.array([0, 0, 1, 1])
            np.testing.assert_array_equal(
                result["few"],
                np.broadcast_to(numbers[:, None, None], (4, 3, 1)),
            )
            np.testing.assert_array_equal(result["whole"], numbers)
            np.testing.assert_array_equal(
                result["uneven"], [[0, 0], [1, 1], [1, 1], [1, 1]]
            )
            np.testing.assert_array_equal(
                result["all"][0], np.tile(10 + numbers[:, None], 3)
            )
            np.testing.assert_array_equal(result["all"][1], numbers)

    def test_one(self):
        tensors = [tf.ones(2), _sparse(1.0)]
        self.assertIs(replicas.sum_over_replicas(tensors), tensors)
        self.assertIs(replicas.zero_but_on_first(tensors), tensors)
        self.assertEqual(replicas.count(), 1)


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    absltest.main()
