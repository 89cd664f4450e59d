"""Two replicas make the update of one."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta.optimizers import aggregators, gradvac

_TASKS = 5


def _make(name, inner):
    variables = [keras.Variable(np.zeros((2, 3))), keras.Variable(np.zeros(4))]
    own = keras.Variable(np.zeros(3))
    optimizer = aggregators.AGGREGATORS[name](inner())
    optimizer.num_tasks = _TASKS
    optimizer.build([*variables, own])
    return optimizer, variables, own


def _gradients(step, replica):
    """Returns gradients of a replica's share of a batch."""
    rng = np.random.default_rng((step, replica))
    shapes = (_TASKS, 2, 3), (_TASKS, 4), (3,), (4,)
    return [tf.constant(rng.normal(size=s), tf.float32) for s in shapes]


def _apply(optimizer, variables, own, gradients):
    optimizer.apply_task_gradients(
        gradients[:2],
        variables,
        other_gradients=gradients[2:],
        other_variables=[own, variables[1]],
    )


def _optimizers():
    sgd = keras.optimizers.SGD
    return {
        "plain": lambda: sgd(0.1),
        "clipped": lambda: sgd(0.1, global_clipnorm=0.5),
        "decayed": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
        "scaled": lambda: keras.optimizers.LossScaleOptimizer(sgd(0.1)),
    }


class DistributionTest(parameterized.TestCase):
    strategy: tf.distribute.Strategy

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Another in the same process would number its collective operations
        # anew and clash with this one's.
        cls.strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    @parameterized.parameters(
        *((name, "plain") for name in aggregators.AGGREGATORS),
        ("pcgrad", "clipped"),
        ("pcgrad", "decayed"),
        ("gradvac", "scaled"),
    )
    def test_two_replicas_make_the_update_of_one(self, name, inner):
        inner = _optimizers()[inner]
        strategy = self.strategy
        with strategy.scope():
            optimizer, variables, own = _make(name, inner)

        @tf.function
        def step(gradients):
            strategy.run(
                lambda g: _apply(optimizer, variables, own, g),
                args=(gradients,),
            )

        alone, alone_variables, alone_own = _make(name, inner)
        for number in range(3):
            shares = [_gradients(number, replica) for replica in range(2)]
            step(
                tf.nest.map_structure(
                    lambda *s: (
                        strategy.experimental_distribute_values_from_function(
                            lambda c: s[c.replica_id_in_sync_group]
                        )
                    ),
                    *shares,
                )
            )
            _apply(
                alone,
                alone_variables,
                alone_own,
                [one + other for one, other in zip(*shares, strict=True)],
            )
        for one, other in zip(
            [*variables, own, *optimizer.variables],
            [*alone_variables, alone_own, *alone.variables],
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
            for replica in strategy.experimental_local_results(one.value):
                np.testing.assert_array_equal(replica, one)
        np.testing.assert_allclose(
            optimizer.last_gramian.numpy(),
            alone.last_gramian.numpy(),
            rtol=1e-4,
            atol=1e-5,
        )
        self.assertGreater(np.abs(variables[0]).max(), 0)

    def _fit(self, strategy, num_tasks):
        with strategy.scope():
            network = Network(np.zeros((3, 2)))
            network.compile(gradvac.GradVac(keras.optimizers.Adam(0.1)))
            network.optimizer.num_tasks = num_tasks
        rng = np.random.default_rng(0)
        network.fit(
            rng.normal(size=(32, 3)).astype(np.float32),
            rng.normal(size=(32, 2)).astype(np.float32),
            batch_size=8,
            verbose=0,
            shuffle=False,
        )
        return [
            v.numpy() for v in (network.kernel, *network.optimizer.variables)
        ]

    def test_fit(self):
        for one, other in zip(
            self._fit(tf.distribute.get_strategy(), None),
            self._fit(self.strategy, 2),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


class Network(keras.Model):
    def __init__(self, kernel):
        super().__init__()
        self.kernel = self.add_weight(
            shape=kernel.shape,
            initializer=keras.initializers.Constant(kernel),
        )
        self.built = True

    def call(self, x):
        return x @ self.kernel

    def train_step(self, data):
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_sum((self(x) - y) ** 2, 0) / 8
            losses = tf.unstack(loss)
        gradients = [tape.gradient(each, self.kernel.value) for each in losses]
        self.optimizer.apply_task_gradients(
            [tf.stack(gradients)], [self.kernel]
        )
        return {"loss": tf.reduce_sum(loss)}


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    absltest.main()
