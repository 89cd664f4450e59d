"""Learners on several replicas make the updates of one."""

import functools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import layers, learners, networks, optimizers, regularizers
from tfmeta import training as training_lib
from tfmeta.functional import functional_network

_TASKS, _STEPS = 6, 2


def setUpModule():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )


def _episodes(tasks=_TASKS):
    rng = np.random.default_rng(0)
    shapes = ((5, 3), (5, 1), (4, 3), (4, 1))
    arrays = tuple(
        rng.normal(size=(_STEPS * tasks, *shape)).astype(np.float32)
        for shape in shapes
    )
    return tf.data.Dataset.from_tensor_slices(arrays).batch(
        tasks, drop_remainder=True
    )


def _encoder(divergence_weight=0.05):
    return [
        layers.DenseReparameterization(
            4,
            kernel_divergence_fn=layers.KLDivergence(divergence_weight),
            seed=3,
            name="encoder",
        )
    ]


def _maml(encoder=None, **kwargs):
    keras.utils.set_random_seed(0)
    network = networks.mlp(
        3, 1, hidden=(4,), **({"encoder": encoder()} if encoder else {})
    )
    return learners.MAML(network, mapping="map", seed=1, **kwargs)


def _sgd(**kwargs):
    return keras.optimizers.SGD(0.05, **kwargs)


def _surgery(name):
    return optimizers.AGGREGATORS[name](_sgd(), reduction="mean", seed=2)


class ReplicasTest(parameterized.TestCase):
    strategies: dict[int, tf.distribute.Strategy]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Made once: a further one would number its messages as the first, and
        # be taken for it. So three replicas have a process of their own.
        cls.strategies = {
            count: tf.distribute.MirroredStrategy(
                [f"CPU:{number}" for number in range(count)]
            )
            for count in (1, 2)
        }

    def _fit(self, replicas, build, optimizer, loss="mse", **compiled):
        with self.strategies[replicas].scope():
            learner = build()
            learner.compile(
                optimizer(),
                loss() if callable(loss) else loss,
                metrics=["mae"],
                **{"jit_compile": False} | compiled,
            )
        history = learner.fit(_episodes(), verbose=0, shuffle=False).history
        return learner, history

    def _check(self, *arguments, **compiled):
        (one, one_history), (several, several_history) = (
            self._fit(count, *arguments, **compiled) for count in (1, 2)
        )
        start = arguments[0]()
        moved = 0.0
        for number, (ours, theirs) in enumerate(
            zip(one.variables, several.variables, strict=True)
        ):
            np.testing.assert_allclose(
                ours, theirs, rtol=2e-5, atol=1e-6, err_msg=ours.path
            )
            if number < len(start.trainable_variables):
                before = start.trainable_variables[number]
                moved = max(
                    moved,
                    np.abs(one.trainable_variables[number] - before).max(),
                )
        self.assertGreater(moved, 1e-4)
        self.assertEqual(list(one_history), list(several_history))
        for name, values in one_history.items():
            np.testing.assert_allclose(
                values,
                several_history[name],
                rtol=1e-5,
                atol=1e-7,
                err_msg=name,
            )
        return one, several

    @parameterized.named_parameters(
        ("loss_function", "mse", {}),
        ("loss_object", keras.losses.MeanSquaredError, {}),
        ("clipped", "mse", {"global_clipnorm": 0.1}),
    )
    def test_plain_optimizer(self, loss, arguments):
        self._check(_maml, functools.partial(_sgd, **arguments), loss)

    @parameterized.parameters(*optimizers.AGGREGATORS)
    def test_surgery(self, name):
        one, two = self._check(_maml, lambda: _surgery(name), num_tasks=_TASKS)
        np.testing.assert_allclose(
            one.optimizer.last_gramian.numpy(),
            two.optimizer.last_gramian.numpy(),
            rtol=1e-4,
            atol=1e-6,
        )

    @parameterized.parameters(*functional_network.POSTERIOR_DRAWS)
    def test_posteriors(self, draw):
        # With surgery, too, in `test_compiled_with`.
        self._check(
            functools.partial(
                _maml, _encoder, adapted="head", posterior_draw=draw
            ),
            _sgd,
        )

    @parameterized.parameters(
        regularizers.TAMLEntropy, regularizers.TAMLInequality
    )
    def test_task_regularizer(self, regularizer):
        def build():
            keras.utils.set_random_seed(0)
            return learners.MAML(
                networks.mlp(3, 2, hidden=(4,)),
                task_regularizer=regularizer(0.5),
                seed=1,
            )

        self._check(build, _sgd, _two_outputs)

    def test_loss_scale(self):
        self._check(
            _maml,
            lambda: optimizers.PCGrad(
                keras.optimizers.LossScaleOptimizer(_sgd()), reduction="mean"
            ),
        )

    def test_xla_is_left_out_with_a_warning(self):
        with self.assertLogs("absl", "WARNING") as logs:
            self._check(_maml, _sgd, jit_compile=True)
        self.assertIn("step of 2 replicas", logs.output[0])

    @parameterized.named_parameters(
        ("parts", {"gradient_parts": 2}),
        ("curvature", {"measure_curvature": True}),
        ("uncertainty", {"weighting": "uncertainty", "num_tasks": _TASKS}),
        ("gradnorm", {"weighting": "gradnorm", "num_tasks": _TASKS}),
        ("famo", {"weighting": "famo", "num_tasks": _TASKS}),
    )
    def test_compiled_with(self, arguments):
        one, two = self._check(
            functools.partial(_maml, _encoder, adapted="head"),
            lambda: _surgery("pcgrad"),
            **arguments,
        )
        if "measure_curvature" in arguments:
            np.testing.assert_allclose(
                one.last_curvature.numpy(),
                two.last_curvature.numpy(),
                rtol=1e-2,
            )

    def test_monitor(self):
        reports = []
        for count in (1, 2):
            with self.strategies[count].scope():
                learner = _maml()
                learner.compile(_surgery("pcgrad"), "mse", jit_compile=False)
            reports.append(
                learner.fit(
                    _episodes(),
                    verbose=0,
                    callbacks=[training_lib.ConflictMonitor()],
                ).history
            )
        self.assertIn("gradient_cosine", reports[0])
        for name, values in reports[0].items():
            np.testing.assert_allclose(
                values, reports[1][name], rtol=1e-3, err_msg=name
            )


def _two_outputs():
    return lambda y, predictions: tf.reduce_mean(
        (y - predictions) ** 2, axis=-1
    )


if __name__ == "__main__":
    absltest.main()
