"""The multi-task model on two replicas, under XLA and in half precision."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.multitask import cases
from tfmeta import errors
from tfmeta.optimizers import pcgrad


def setUpModule():
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )


class ReplicasTest(parameterized.TestCase):
    strategies: list[tf.distribute.Strategy]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # One for all tests: a second would number its messages as the first.
        cls.strategies = [
            tf.distribute.MirroredStrategy(devices)
            for devices in (["CPU:0"], ["CPU:0", "CPU:1"])
        ]

    @parameterized.named_parameters(
        ("plain", {"optimizer": None}),
        ("surgery", {}),
        ("parts", {"gradient_parts": 2}),
        ("curvature", {"measure_curvature": True}),
        ("xla", {"jit_compile": True}),
        *(
            (name, {"weighting": name})
            for name in ("dwa", "famo", "gradnorm", "uncertainty")
        ),
    )
    def test_two_replicas_agree_with_one(self, arguments):
        arguments = {"optimizer": cases.pcgrad_sgd()} | arguments
        histories, models = [], []
        for strategy in self.strategies:
            if arguments["optimizer"] is not None:
                arguments["optimizer"] = cases.pcgrad_sgd()
            with strategy.scope():
                models.append(cases.compiled(**arguments))
            histories.append(cases.fit(models[-1]))
        for name, values in histories[0].items():
            np.testing.assert_allclose(
                values, histories[1][name], rtol=1e-5, err_msg=name
            )
        cases.assert_same_variables(*models, rtol=1e-4, atol=1e-6)
        if "measure_curvature" in arguments:
            one, two = (model.last_curvature.numpy() for model in models)
            self.assertGreater(one[0], 0)
            np.testing.assert_allclose(one, two, rtol=1e-3)

    @parameterized.parameters(1, 2)
    def test_labels_out_of_range_under_xla(self, steps_per_execution):
        x, y = cases.data()
        y["kind"][3] = 7
        with self.strategies[0].scope():
            model = cases.compiled(
                jit_compile=True, steps_per_execution=steps_per_execution
            )
        before = model.get_weights()
        with self.assertRaisesRegex(errors.InputError, r"y/kind: label 7 at"):
            model.fit(x, y, verbose=0, shuffle=False)
        for value, start in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(value, start)


class CompilerTest(absltest.TestCase):
    def test_xla_agrees(self):
        models = [
            cases.compiled(
                cases.pcgrad_sgd(),
                weighting="gradnorm",
                jit_compile=jit_compile,
            )
            for jit_compile in (False, True)
        ]
        for model in models:
            cases.fit(model)
        cases.assert_same_variables(*models, rtol=1e-4, atol=1e-5)


class HalfPrecisionTest(parameterized.TestCase):
    @parameterized.parameters(
        ("mixed_float16", 1), ("mixed_float16", 2), ("mixed_bfloat16", 1)
    )
    def test_steps_are_about_those_of_full_precision(
        self, policy, gradient_parts
    ):
        models = []
        for name in ("float32", policy):
            keras.config.set_dtype_policy(name)
            self.addCleanup(keras.config.set_dtype_policy, "float32")
            models.append(
                cases.compiled(
                    cases.pcgrad_sgd(),
                    weighting="uncertainty",
                    gradient_parts=gradient_parts,
                )
            )
            cases.fit(models[-1])
        cases.assert_same_variables(*models, rtol=0.1, atol=0.02)

    def test_small_losses_do_not_vanish(self):
        keras.config.set_dtype_policy("mixed_float16")
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        model = cases.compiled(
            pcgrad.PCGrad(keras.optimizers.Adam(0.01)),
            loss_weights={"kind": 1e-7, "depth": 1e-7},
        )
        head = model.get_layer("kind_head")
        before = head.kernel.numpy()
        cases.fit(model, epochs=1)
        self.assertGreater(np.abs(head.kernel - before).max(), 1e-6)

    def test_a_restored_file_has_one_loss_scale(self):
        keras.config.set_dtype_policy("mixed_float16")
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        model = cases.compiled(cases.pcgrad_sgd())
        cases.fit(model)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        for either in (model, loaded):
            cases.fit(either)
        cases.assert_same_variables(model, loaded, rtol=0)


if __name__ == "__main__":
    absltest.main()
