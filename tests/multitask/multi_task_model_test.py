"""The multi-task model beside Keras' own, and what it refuses."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tests.multitask import cases
from tfmeta import errors, weightings
from tfmeta.multitask import multi_task_model


def _private_loss(y, predictions):
    return tf.abs(y - predictions)


class AsKerasTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("plain", {}, None),
        ("loss_weights", {"loss_weights": {"depth": 3.0, "kind": 0.5}}, None),
        ("sample_weights", {}, True),
    )
    def test_usual_optimizers_train_as_they_do_on_a_keras_model(
        self, arguments, weighted
    ):
        x, y = cases.data()
        rng = np.random.default_rng(1)
        sample_weight = (
            {name: rng.random(20).astype(np.float32) for name in y}
            if weighted
            else None
        )
        histories, models = [], []
        for make in (keras.Model, multi_task_model.MultiTaskModel):
            model = make(*cases.tensors(dropout=0.3))
            model.compile(
                keras.optimizers.Adam(0.01),
                loss=cases.LOSSES,
                metrics={"kind": ["accuracy"], "depth": ["mae"]},
                weighted_metrics={"kind": ["accuracy"]},
                **arguments,
            )
            history = cases.fit(
                model,
                sample_weight=sample_weight,
                validation_data=(x, y, sample_weight),
            )
            histories.append(history)
            models.append(model)
        self.assertEqual(list(histories[0]), list(histories[1]))
        for name, values in histories[0].items():
            np.testing.assert_allclose(values, histories[1][name], rtol=1e-6)
        cases.assert_same_variables(*models, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(
            models[0].evaluate(x, y, verbose=0),
            models[1].evaluate(x, y, verbose=0),
            rtol=1e-6,
        )

    @parameterized.named_parameters(
        ("losses_in_a_list", ["mse", "mae"]),
        ("losses_in_a_dict", {"first": "mse", "second": "mae"}),
        ("one_loss", "mse"),
        (
            "objects",
            [keras.losses.Huber(), keras.losses.mean_absolute_error],
        ),
        ("functions", [lambda y, p: (y - p) ** 2, _private_loss]),
    )
    def test_outputs_in_a_list(self, loss):
        x, y = cases.data()
        targets = [y["depth"], y["depth"][:, None]]
        results = []
        for make in (keras.Model, multi_task_model.MultiTaskModel):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((6,))
            model = make(
                inputs,
                [
                    keras.layers.Dense(1, name=name)(inputs)
                    for name in ("first", "second")
                ],
            )
            weights = None if loss == "mse" else [0.5, 2.0]
            model.compile("sgd", loss, loss_weights=weights)
            model.fit(x, targets, verbose=0, shuffle=False)
            results.append(
                model.evaluate(x, targets, verbose=0, return_dict=True)
            )
        self.assertEqual(list(results[0]), list(results[1]))
        np.testing.assert_allclose(
            list(results[0].values()), list(results[1].values()), rtol=1e-5
        )

    def test_a_single_output(self):
        x, y = cases.data()
        weights = []
        for optimizer in (keras.optimizers.SGD(0.1), cases.pcgrad_sgd()):
            keras.utils.set_random_seed(0)
            inputs = keras.Input((6,))
            outputs = keras.layers.Dense(1, name="only")(inputs)
            model = multi_task_model.MultiTaskModel(inputs, outputs)
            model.compile(optimizer, "mse")
            self.assertEqual(model.task_names, ["only"])
            history = model.fit(x, y["depth"], verbose=0, shuffle=False)
            self.assertEqual(list(history.history), ["loss"])
            weights.append(model.get_weights()[0])
        np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)

    def test_an_output_without_a_loss_is_no_task(self):
        model = multi_task_model.MultiTaskModel(*cases.tensors())
        model.compile(cases.pcgrad_sgd(), {"depth": "mse", "kind": None})
        self.assertEqual(model.task_names, ["depth"])
        cases.fit(model)

    def test_a_restored_file_goes_on_as_the_original(self):
        model = cases.compiled(
            loss_weights={"depth": 2.0, "kind": 1.0},
            metrics={"depth": ["mae"]},
            weighting=weightings.GradNorm(alpha=0.5),
        )
        cases.fit(model)
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        self.assertIsInstance(loaded, multi_task_model.MultiTaskModel)
        self.assertEqual(
            loaded.weighting.get_config(), model.weighting.get_config()
        )
        ours, theirs = cases.fit(model), cases.fit(loaded)
        self.assertEqual(ours, theirs)
        cases.assert_same_variables(model, loaded, rtol=0)

    def test_exports(self):
        model = cases.compiled(weighting="uncertainty")
        path = self.create_tempdir().full_path + "/exported"
        model.export(path, verbose=False)
        x, _ = cases.data()
        loaded = tf.saved_model.load(path)
        served = loaded.serve(x)
        for name, output in model.predict(x, verbose=0).items():
            np.testing.assert_allclose(served[name], output, rtol=1e-5)

    def test_compiling_anew_forgets_the_old_weighting(self):
        model = cases.compiled(weighting="uncertainty")
        with_log_variances = len(model.trainable_variables)
        model.compile("sgd", {"depth": "mse"})
        self.assertLen(model.trainable_variables, with_log_variances - 1)
        self.assertEqual(list(cases.fit(model)), ["loss"])


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("none", {"loss": None}, "loss=None.* kind, depth"),
        ("unknown", {"loss": {"deep": "mse"}}, "loss: deep not among.* kind"),
        ("in_a_list", {"loss": ["mse", "mse"]}, "loss: expected a dict"),
        ("no_loss", {"loss": {"kind": "msee"}}, "'kind': 'msee' is not"),
        (
            "loss_weights",
            {"loss": "mse", "loss_weights": {"kind": 1.0}},
            "loss_weights: nothing for depth, got kind",
        ),
        ("weighting", {"loss": "mse", "weighting": "dvw"}, "weighting='dvw'"),
        (
            "gradient_parts",
            {"loss": "mse", "gradient_parts": 2},
            "gradient_parts=2: .* is 'adam'",
        ),
    )
    def test_compile(self, arguments, message):
        model = multi_task_model.MultiTaskModel(*cases.tensors())
        with self.assertRaisesRegex(errors.InputError, message):
            model.compile("adam", **arguments)

    @parameterized.named_parameters(
        (
            "missing_target",
            lambda x, y: (x, {"kind": y["kind"]}),
            "y: nothing for depth, got kind",
        ),
        (
            "targets_in_a_list",
            lambda x, y: (x, (y["kind"], y["depth"])),
            "y: expected a dict",
        ),
        (
            "sample_weight",
            lambda x, y: (x, y, {"kind": y["depth"]}),
            "sample_weight: nothing for depth",
        ),
    )
    def test_data(self, change, message):
        dataset = tf.data.Dataset.from_tensors(change(*cases.data()))
        with self.assertRaisesRegex(errors.InputError, message):
            cases.compiled().fit(dataset, verbose=0)

    @parameterized.parameters(True, False)
    def test_labels_out_of_range(self, jit_compile):
        x, y = cases.data()
        y["kind"][3] = 7
        model = cases.compiled(jit_compile=jit_compile)
        before = model.get_weights()
        with self.assertRaisesRegex(
            errors.InputError, r"y/kind: label 7 at \[3\], expected 0 to 2"
        ):
            model.fit(x, y, verbose=0, shuffle=False)
        for value, start in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(value, start)

    def test_a_label_that_is_ignored_may_be_out_of_range(self):
        x, y = cases.data()
        y["kind"][3] = 255
        losses = []
        for make in (keras.Model, multi_task_model.MultiTaskModel):
            model = make(*cases.tensors())
            model.compile(
                "sgd",
                {
                    "kind": keras.losses.SparseCategoricalCrossentropy(
                        ignore_class=255
                    ),
                    "depth": "mse",
                },
            )
            losses.append(model.evaluate(x, y, verbose=0))
            history = model.fit(x, y, verbose=0, shuffle=False).history
            losses[-1] += history["loss"]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)

    def test_number_of_targets(self):
        inputs = keras.Input((6,))
        model = multi_task_model.MultiTaskModel(
            inputs, [keras.layers.Dense(1)(inputs) for _ in range(2)]
        )
        model.compile("sgd", "mse")
        x, y = cases.data()
        dataset = tf.data.Dataset.from_tensors((x, (y["depth"],) * 3))
        with self.assertRaisesRegex(errors.InputError, "2 outputs, got 3"):
            model.fit(dataset, verbose=0)

    def test_loss_without_reduction(self):
        model = multi_task_model.MultiTaskModel(*cases.tensors())
        model.compile(
            "sgd", {"depth": keras.losses.MeanSquaredError(reduction=None)}
        )
        with self.assertRaisesRegex(errors.InputError, "'depth'.*reduction"):
            cases.fit(model)

    def test_outputs_named_alike(self):
        inputs = keras.Input((6,))
        layer = keras.layers.Dense(1, name="head")
        outputs = [layer(inputs), layer(2 * inputs)]
        with self.assertRaisesRegex(errors.InputError, "alike.*head, head"):
            multi_task_model.MultiTaskModel(inputs, outputs)

    def test_nested_outputs(self):
        inputs = keras.Input((6,))
        with self.assertRaisesRegex(errors.InputError, "deeper nesting"):
            multi_task_model.MultiTaskModel(inputs, {"a": [inputs, inputs]})

    def test_a_task_without_a_gradient(self):
        inputs = keras.Input((6,))
        outputs = {"a": keras.layers.Dense(6)(inputs), "b": 2 * inputs}
        model = multi_task_model.MultiTaskModel(inputs, outputs)
        model.compile(cases.pcgrad_sgd(), "mse")
        x, _ = cases.data()
        with self.assertRaisesRegex(errors.InputError, "'b' depends on no"):
            model.fit(x, {"a": x, "b": x}, verbose=0)

    def test_a_gramian_of_nothing(self):
        inputs = keras.Input((6,))
        outputs = {name: keras.layers.Dense(1)(inputs) for name in "ab"}
        model = multi_task_model.MultiTaskModel(inputs, outputs)
        model.compile("sgd", "mse", weighting="gradnorm")
        x, y = cases.data()
        with self.assertRaisesRegex(errors.InputError, "a, b share no"):
            model.fit(x, {name: y["depth"] for name in "ab"}, verbose=0)

    def test_not_compiled(self):
        model = multi_task_model.MultiTaskModel(*cases.tensors())
        with self.assertRaisesRegex(errors.InputError, "compile"):
            model.task_names  # noqa: B018


if __name__ == "__main__":
    absltest.main()
