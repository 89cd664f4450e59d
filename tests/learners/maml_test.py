"""Behaviour of MAML as a Keras model."""

import subprocess
import sys
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized
from tensorflow.python.framework import config

from tfmeta import episode, errors, learners, networks, training

_WAYS, _FEATURES = 3, 8


def _episodes(tasks=4, seed=0, support=6, queries=5):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.normal(size=(tasks, support, _FEATURES)), tf.float32),
        tf.constant(rng.integers(_WAYS, size=(tasks, support)), tf.int32),
        tf.constant(rng.normal(size=(tasks, queries, _FEATURES)), tf.float32),
        tf.constant(rng.integers(_WAYS, size=(tasks, queries)), tf.int32),
    )


def _dataset(batches=3):
    return tf.data.Dataset.from_tensors(_episodes()).repeat(batches)


def _compiled(network=None, **kwargs):
    learner = learners.MAML(
        network or networks.mlp(_FEATURES, _WAYS, hidden=[10]), **kwargs
    )
    learner.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return learner


def _weights(learner):
    return [v.numpy() for v in learner.trainable_variables]


class _Loop(keras.layers.Layer):
    """Does in a loop in the graph what ReLU does."""

    def call(self, inputs):
        zero = tf.cast(tf.reduce_sum(0 * inputs), tf.int32)
        return tf.while_loop(
            lambda step, _: step < 2,
            lambda step, values: (step + 1, tf.nn.relu(values)),
            (zero, inputs),
        )[1]


class _UnknownToXLA(keras.layers.Layer):
    def call(self, inputs):
        return tf.math.special.dawsn(inputs)


class MappingTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("dense", None), ("convolutions", (8, 8, 1))
    )
    def test_mappings_agree_to_rounding(self, image_shape):
        rng = np.random.default_rng(0)
        episodes = _episodes()
        if image_shape is not None:
            episodes = tuple(
                tf.constant(
                    rng.random((*e.shape[:2], *image_shape)), tf.float32
                )
                if e.dtype == tf.float32
                else e
                for e in episodes
            )
        results = {}
        for mapping in training.TASK_MAPPINGS:
            keras.utils.set_random_seed(0)
            network = (
                networks.conv4(_WAYS, input_shape=image_shape, filters=4)
                if image_shape
                else None
            )
            learner = _compiled(network, mapping=mapping, inner_steps=2)
            results[mapping] = tf.function(learner.task_gradients)(episodes)
        for mapping in ("unroll", "vectorize"):
            tf.nest.map_structure(
                lambda a, b: np.testing.assert_allclose(
                    a, b, rtol=1e-3, atol=1e-5
                ),
                results["map"],
                results[mapping],
            )

    def test_the_default_depends_on_the_network(self):
        dense = networks.mlp(_FEATURES, _WAYS)
        convolutional = networks.conv4(_WAYS, filters=2)
        self.assertEqual(learners.MAML(dense)._resolved_mapping, "vectorize")
        self.assertEqual(learners.MAML(convolutional)._resolved_mapping, "map")

    @parameterized.parameters("loop", "ragged")
    def test_the_default_finds_out_what_cannot_be_vectorized(self, case):
        episodes = _episodes()
        support_x, support_y, *queries = episodes
        build = keras.layers.ReLU
        if case == "loop":
            build = _Loop
        else:
            sizes = [2, 6, 1, 4]
            episodes = (
                tf.RaggedTensor.from_tensor(support_x, sizes),
                tf.RaggedTensor.from_tensor(support_y, sizes),
                *queries,
            )
        dataset = tf.data.Dataset.from_tensors(episodes)
        losses = []
        for mapping in ("map", "auto"):
            keras.utils.set_random_seed(0)
            learner = learners.MAML(_with_layer(build()), mapping=mapping)
            learner.compile(
                "sgd",
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
            if mapping == "auto":
                self.assertTrue(learner.jit_compile)
                with self.assertLogs("absl", "WARNING") as logs:
                    losses += learner.fit(dataset, verbose=0).history["loss"]
                self.assertLen(logs.output, 1)
            else:
                losses += learner.fit(dataset, verbose=0).history["loss"]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)

    def test_the_default_finds_out_what_xla_cannot_compile(self):
        def compiled(**arguments):
            keras.utils.set_random_seed(0)
            learner = learners.MAML(_with_layer(_UnknownToXLA(name="dawson")))
            learner.compile(
                "sgd",
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                **arguments,
            )
            return learner

        learner = compiled()
        self.assertTrue(learner.jit_compile)
        with self.assertLogs("absl", "WARNING") as logs:
            history = learner.fit(_dataset(), verbose=0).history
        (line,) = logs.output
        self.assertRegex(line, r"XLA cannot compile .*with dawson \(Dawsn\)")
        self.assertEqual(learner._resolved_mapping, "vectorize")
        expected = compiled(jit_compile=False).fit(_dataset(), verbose=0)
        np.testing.assert_allclose(
            history["loss"], expected.history["loss"], rtol=1e-5
        )

    @parameterized.parameters("fit", "predict")
    def test_xla_that_was_asked_for_says_what_it_cannot_compile(self, call):
        learner = learners.MAML(_with_layer(_UnknownToXLA()), mapping="map")
        learner.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=True,
        )
        with self.assertRaisesRegex(
            errors.InputError, "jit_compile: XLA cannot compile Dawsn"
        ):
            getattr(learner, call)(_dataset(), verbose=0)

    def test_recurrent_layers_are_known(self):
        def network(unroll):
            return keras.Sequential(
                [
                    keras.Input((4, 2)),
                    keras.layers.Bidirectional(
                        keras.layers.LSTM(3, unroll=unroll, name="lstm")
                    ),
                    keras.layers.Dense(1),
                ]
            )

        with self.assertLogs("absl", "WARNING") as logs:
            learner = learners.MAML(network(unroll=False))
        self.assertLen(logs.output, 1)
        learner.compile("sgd", "mse")
        self.assertFalse(learner.jit_compile)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, 3, 5, 4, 2)).astype(np.float32)
        y = rng.normal(size=(2, 3, 5, 1)).astype(np.float32)
        episodes = (x[0], y[0], x[1], y[1])
        looped = learner.task_gradients(episodes)
        unrolled = learners.MAML(network(unroll=True))
        self.assertEqual(unrolled._resolved_mapping, "vectorize")
        unrolled.compile("sgd", "mse")
        unrolled.network.set_weights(learner.network.get_weights())
        np.testing.assert_allclose(
            unrolled.task_gradients(episodes).losses, looped.losses, rtol=1e-5
        )
        with self.assertRaisesRegex(errors.InputError, "forward_lstm.*unroll"):
            learners.MAML(network(unroll=False), mapping="vectorize")

    def test_xla_compiles_by_default_where_it_is_fast(self):
        # On a machine without a GPU, too, where Keras' own default is not to.
        for network, deterministic, expected in (
            (networks.mlp(2, 1), False, True),
            (networks.mlp(2, 1), True, False),
            (networks.conv4(2, input_shape=(8, 8, 1)), False, False),
        ):
            learner = learners.MAML(network)
            with mock.patch.object(
                config, "is_op_determinism_enabled", return_value=deterministic
            ):
                learner.compile(loss="mse")
            self.assertEqual(learner.jit_compile, expected)

    def test_the_graph_does_not_grow_with_the_number_of_tasks(self):
        learner = _compiled(mapping="map")
        step = tf.function(learner.train_step)
        step(_episodes(tasks=2))  # Makes the optimizer's variables.
        few, many = (
            len(
                step.get_concrete_function(_episodes(tasks=tasks))
                .graph.as_graph_def()
                .node
            )
            for tasks in (2, 50)
        )
        self.assertEqual(few, many)


class KerasModelTest(parameterized.TestCase):
    def test_fit_lowers_the_loss_and_evaluate_reports_each_prediction(self):
        keras.utils.set_random_seed(0)
        learner = _compiled(inner_steps=2)
        history = learner.fit(_dataset(40), epochs=3, verbose=0, shuffle=False)
        losses = history.history["loss"]
        self.assertLess(losses[-1], 0.7 * losses[0])
        scores = learner.evaluate(_dataset(), verbose=0, return_dict=True)
        self.assertEqual(
            set(scores),
            {
                "loss",
                "accuracy",
                "accuracy_before_adaptation",
                "accuracy_with_other_support",
            },
        )
        predictions = learner.predict_queries(_episodes())
        for name, kind in (
            ("accuracy", predictions.adapted),
            ("accuracy_before_adaptation", predictions.initial),
            ("accuracy_with_other_support", predictions.other_support),
        ):
            right = np.argmax(kind, -1) == _episodes()[3].numpy()
            self.assertAlmostEqual(scores[name], np.mean(right), places=6)

    def test_a_step_is_traced_once(self):
        learner = learners.MAML(networks.mlp(_FEATURES, _WAYS, hidden=[10]))
        learner.compile(
            "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        with mock.patch.object(
            learner,
            "adapted_state",
            autospec=True,
            side_effect=learner.adapted_state,
        ) as adapt:
            learner.fit(_dataset(), epochs=2, verbose=0, shuffle=False)
        adapt.assert_called_once()

    def test_other_support_is_that_of_the_task_before(self):
        learner = _compiled(inner_learning_rate=0.5)
        support_x, support_y, query_x, query_y = _episodes()
        predictions = learner.predict_queries(
            (support_x, support_y, query_x, query_y)
        )
        for task in range(4):
            adapted = learner.adapt(support_x[task - 1], support_y[task - 1])
            np.testing.assert_allclose(
                predictions.other_support[task],
                learner.predict_adapted(adapted, query_x[task]),
                rtol=1e-5,
                atol=1e-6,
            )

    def test_predict_is_the_call_and_needs_no_labels(self):
        learner = _compiled()
        support_x, support_y, query_x, _ = _episodes()
        dataset = tf.data.Dataset.from_tensors((support_x, support_y, query_x))
        np.testing.assert_allclose(
            learner.predict(dataset, verbose=0),
            learner((support_x, support_y, query_x)),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_saved_learner_goes_on_as_the_original(self):
        learner = _compiled(
            adapted="head",
            inner_steps=2,
            test_inner_steps=4,
            learned_inner_rate="shared",
        )
        learner.fit(_dataset(), verbose=0, shuffle=False)
        path = self.create_tempdir().full_path + "/learner.keras"
        learner.save(path)
        loaded = keras.saving.load_model(path)
        ours, theirs = learner.get_config(), loaded.get_config()
        # Keras writes its shapes as tuples and reads them as lists.
        del ours["network"], theirs["network"]
        self.assertEqual(ours, theirs)
        for model in (learner, loaded):
            model.fit(_dataset(), verbose=0, shuffle=False)
        for ours, theirs in zip(
            _weights(learner), _weights(loaded), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)

    def test_steps_at_test_are_their_own(self):
        one, four = (
            _compiled(inner_steps=1, test_inner_steps=steps, seed=1)
            for steps in (1, 4)
        )
        four.network.set_weights(one.network.get_weights())
        support_x, support_y, _, _ = _episodes()
        adapted = one.adapt(support_x[0], support_y[0])
        for _ in range(3):
            one.network.set_weights([w.numpy() for w in adapted])
            adapted = one.adapt(support_x[0], support_y[0])
        for ours, theirs in zip(
            adapted, four.adapt(support_x[0], support_y[0]), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)

    def test_only_matching_weights_adapt(self):
        learner = _compiled(adapted="head")
        before = _weights(learner)
        after = learner.adapt(*(e[0] for e in _episodes()[:2]))
        moved = [
            not np.array_equal(b, a) for b, a in zip(before, after, strict=True)
        ]
        self.assertEqual(moved, [False, False, True, True])

    @parameterized.parameters(("shared", 1), ("per_layer", 2))
    def test_learned_rates_are_trained(self, learned_inner_rate, count):
        learner = _compiled(learned_inner_rate=learned_inner_rate)
        rates = learner.trainable_variables[0]
        self.assertEqual(rates.shape, (count,))
        np.testing.assert_allclose(rates, 0.1)
        learner.fit(_dataset(), verbose=0, shuffle=False)
        self.assertTrue(np.all(np.abs(rates.numpy() - 0.1) > 1e-4))

    def test_bfloat16_trains(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        learner = _compiled(
            networks.conv4(_WAYS, input_shape=(16, 16, 1), filters=4)
        )
        rng = np.random.default_rng(0)
        episodes = _episodes()
        images = [
            tf.constant(rng.random((*e.shape[:2], 16, 16, 1)), tf.float32)
            for e in episodes[::2]
        ]
        dataset = tf.data.Dataset.from_tensors(
            (images[0], episodes[1], images[1], episodes[3])
        ).repeat(30)
        losses = learner.fit(
            dataset, epochs=2, verbose=0, shuffle=False
        ).history["loss"]
        self.assertLess(losses[1], losses[0])


class ExportTest(absltest.TestCase):
    def test_a_process_without_the_library_gets_the_same_numbers(self):
        learner = _compiled(
            networks.conv4(_WAYS, input_shape=(8, 8, 1), filters=4),
            inner_steps=3,
        )
        folder = self.create_tempdir()
        path = folder.full_path + "/learner"
        learner.export(path)
        rng = np.random.default_rng(0)
        # Sizes that the learner never saw.
        support_x = rng.random((7, 8, 8, 1)).astype(np.float32)
        support_y = rng.integers(_WAYS, size=7).astype(np.int32)
        query_x = rng.random((11, 8, 8, 1)).astype(np.float32)
        inputs = folder.full_path + "/inputs.npz"
        np.savez(
            inputs, support_x=support_x, support_y=support_y, query_x=query_x
        )
        outputs = folder.full_path + "/outputs.npy"
        program = (
            "import sys\n"
            "import numpy as np, tensorflow as tf\n"
            "loaded = tf.saved_model.load(sys.argv[1])\n"
            "inputs = {k: tf.constant(v) for k, v in "
            "np.load(sys.argv[2]).items()}\n"
            "signature = loaded.signatures['serving_default']\n"
            "np.save(sys.argv[3], signature(**inputs)['predictions'])\n"
            "assert 'tfmeta' not in sys.modules\n"
        )
        subprocess.run(
            [sys.executable, "-I", "-c", program, path, inputs, outputs],
            check=True,
        )
        adapted = learner.adapt(support_x, support_y)
        np.testing.assert_allclose(
            np.load(outputs),
            learner.predict_adapted(adapted, query_x),
            rtol=1e-4,
            atol=1e-5,
        )

    def test_regression_takes_targets(self):
        learner = learners.MAML(networks.mlp(1, 2))
        learner.compile("adam", "mse")
        path = self.create_tempdir().full_path + "/learner"
        learner.export(path)
        signature = tf.saved_model.load(path).signatures["serving_default"]
        self.assertEqual(
            signature.structured_input_signature[1]["support_y"].shape,
            (None, 2),
        )

    def test_an_occupied_folder_is_left_alone(self):
        folder = self.create_tempdir()
        folder.create_file("precious")
        with self.assertRaisesRegex(errors.InputError, "path=.* exists"):
            _compiled().export(folder.full_path)


def _subclassed():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    return Subclassed()


def _with_layer(layer):
    inputs = keras.Input((_FEATURES,))
    values = layer(keras.layers.Dense(4)(inputs))
    return keras.Model(inputs, keras.layers.Dense(_WAYS)(values))


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("rate_zero", {"inner_learning_rate": 0.0}, "inner_learning_rate=0.0"),
        (
            "rate_nan",
            {"inner_learning_rate": np.nan},
            "inner_learning_rate=nan",
        ),
        ("no_steps", {"inner_steps": 0}, "inner_steps=0"),
        ("no_test_steps", {"test_inner_steps": -1}, "test_inner_steps=-1"),
        ("rates", {"learned_inner_rate": "x"}, "learned_inner_rate='x'"),
        ("adapted", {"adapted": "heed"}, "adapted='heed' .* head, hidden1"),
        ("draw", {"posterior_draw": "x"}, "posterior_draw='x'"),
        ("mapping", {"mapping": "x"}, "mapping='x'"),
    )
    def test_argument(self, kwargs, message):
        with self.assertRaisesRegex(errors.InputError, message):
            learners.MAML(networks.mlp(_FEATURES, _WAYS), **kwargs)

    @parameterized.named_parameters(
        ("subclassed", _subclassed, "functional"),
        (
            "nothing_to_train",
            lambda: keras.Sequential([keras.Input((2,)), keras.layers.ReLU()]),
            "no trainable weights",
        ),
        (
            "batch_normalization",
            lambda: _with_layer(keras.layers.BatchNormalization()),
            "TaskBatchNormalization",
        ),
        (
            "layer_normalization",
            lambda: _with_layer(keras.layers.LayerNormalization()),
            "TaskLayerNormalization",
        ),
        (
            "float16",
            lambda: _with_layer(keras.layers.Dense(2, dtype="mixed_float16")),
            "bfloat16",
        ),
    )
    def test_network(self, build, message):
        with self.assertRaisesRegex(errors.InputError, message):
            learners.MAML(build())

    def test_first_order_may_normalize_layers(self):
        learners.MAML(
            _with_layer(keras.layers.LayerNormalization()), first_order=True
        )

    def test_no_loss(self):
        learner = learners.MAML(networks.mlp(_FEATURES, _WAYS))
        with self.assertRaisesRegex(errors.InputError, "loss"):
            learner.compile("adam")
        with self.assertRaisesRegex(errors.InputError, "compile"):
            learner.adapt(*(e[0] for e in _episodes()[:2]))

    @parameterized.product(
        label=[-1, _WAYS],
        part=["support_y", "query_y"],
        # As XLA is by default, and where kernels look at labels themselves.
        jit_compile=[None, False],
    )
    def test_labels_out_of_range(self, label, part, jit_compile):
        episodes = episode.Episode(*_episodes())
        wrong = np.array(getattr(episodes, part))
        wrong[2, 1] = label
        dataset = tf.data.Dataset.from_tensors(
            tuple(episodes._replace(**{part: tf.constant(wrong)}))
        )
        learner = learners.MAML(networks.mlp(_FEATURES, _WAYS, hidden=[]))
        learner.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        before = _weights(learner)
        message = (
            rf"{part}: label {label} at \[2,1\], expected 0 to {_WAYS - 1}"
        )
        with self.assertRaisesRegex(errors.InputError, message):
            learner.fit(dataset, verbose=0, shuffle=False)
        for value, start in zip(_weights(learner), before, strict=True):
            np.testing.assert_array_equal(value, start)
        if part == "support_y":
            with self.assertRaisesRegex(errors.InputError, message):
                learner.predict(dataset, verbose=0)

    def test_data_that_are_no_episodes(self):
        dataset = tf.data.Dataset.from_tensors(_episodes()[:2])
        with self.assertRaisesRegex(errors.InputError, "tuple of 2"):
            _compiled().fit(dataset, verbose=0, shuffle=False)


if __name__ == "__main__":
    absltest.main()
