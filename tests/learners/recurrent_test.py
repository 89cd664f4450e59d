"""Recurrent learners: what they read, in which order, and that they learn."""

import itertools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.recurrent import memory_augmented
from tfmeta.learners import recurrent
from tfmeta.networks import recurrent as recurrent_networks

_TASKS, _SUPPORT, _QUERIES, _INPUTS, _WAYS, _UNITS = 3, 3, 4, 5, 2, 6


def _lstm():
    return keras.layers.LSTMCell(_UNITS)


def _mann():
    return memory_augmented.MemoryAugmentedCell(
        _UNITS, slots=4, width=3, heads=2
    )


_CELLS = (("lstm", _lstm), ("mann", _mann))


def _encoder(units=7):
    return keras.Sequential(
        [
            keras.Input((_INPUTS,)),
            keras.layers.Dense(units, activation="tanh"),
        ],
        name="encoder",
    )


def _learner(
    cell=_lstm,
    encoder=_encoder,
    optimizer="sgd",
    jit_compile=False,
    **kwargs,
):
    keras.utils.set_random_seed(0)
    learner = recurrent.RecurrentLearner(
        *recurrent_networks.recurrent_networks(encoder(), cell(), _WAYS),
        **kwargs,
    )
    learner.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return learner


def _episodes(tasks=_TASKS):
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(tasks, _SUPPORT, _INPUTS)).astype(np.float32),
        rng.integers(_WAYS, size=(tasks, _SUPPORT)),
        rng.normal(size=(tasks, _QUERIES, _INPUTS)).astype(np.float32),
        rng.integers(_WAYS, size=(tasks, _QUERIES)),
    )


def _predict(learner, support_x, support_y, query_x):
    adapted = learner.adapt(support_x, support_y)
    return learner.predict_adapted(adapted, query_x).numpy()


class ReadingTest(absltest.TestCase):
    def test_it_is_keras_lstm_over_support_and_query(self):
        learner = _learner()
        support_x, support_y, query_x = (v[0] for v in _episodes()[:3])
        encoder, _, memory, decoder = learner.network.parts.values()
        self.assertIn(learner.cell, memory._flatten_layers())

        def inputs(x, labels):
            return np.hstack([encoder(x), labels])

        examples = inputs(support_x, np.eye(_WAYS)[support_y])
        queries = inputs(query_x, np.zeros((_QUERIES, _WAYS)))
        sequences = np.stack([np.vstack([examples, q]) for q in queries])
        lstm = keras.layers.LSTM(_UNITS)
        lstm.build(sequences.shape)
        lstm.set_weights(learner.cell.get_weights())
        np.testing.assert_allclose(
            _predict(learner, support_x, support_y, query_x),
            decoder(lstm(sequences)),
            rtol=1e-4,
            atol=1e-6,
        )
        with self.subTest("before any support it reads the query alone"):
            np.testing.assert_allclose(
                learner.predict_adapted(
                    learner.initial_state(learner._weight_values()), query_x
                ),
                decoder(lstm(queries[:, np.newaxis])),
                rtol=1e-4,
                atol=1e-6,
            )

    def test_each_layer_s_losses_count_once(self):
        cell = keras.layers.LSTMCell(
            _UNITS, kernel_regularizer="l2", recurrent_regularizer="l2"
        )
        learner = _learner(lambda: cell)
        np.testing.assert_allclose(
            learner.task_gradients(_episodes()).outputs.regularization,
            [0.01 * sum(np.sum(w**2) for w in cell.get_weights()[:2])] * _TASKS,
            rtol=1e-5,
        )


class OrderTest(absltest.TestCase):
    def test_training_shuffles_what_test_reads_as_it_comes(self):
        tasks = 40
        support_x, support_y, query_x, query_y = (
            np.stack([values[0]] * tasks) for values in _episodes()
        )

        def train(learner):
            step = learner.task_gradients(
                (support_x, support_y, query_x, query_y)
            )
            return step.outputs.predictions.numpy()

        learner = _learner(seed=5)
        orders = [list(o) for o in itertools.permutations(range(_SUPPORT))]
        of_orders = np.stack(
            [
                _predict(learner, support_x[0, o], support_y[0, o], query_x[0])
                for o in orders
            ]
        )
        first, second = train(learner), train(learner)
        with self.subTest("each task is read in an order of its own"):
            distances = np.abs(first[:, np.newaxis] - of_orders).max((2, 3))
            nearest = distances.argmin(1)
            self.assertLess(distances.min(1).max(), 1e-5)
            self.assertLen(np.unique(nearest), len(orders))
        with self.subTest("each step shuffles anew"):
            self.assertFalse(np.allclose(first, second, atol=1e-5))
        with self.subTest("the seed fixes the orders"):
            np.testing.assert_array_equal(first, train(_learner(seed=5)))
            other = train(_learner(seed=6))
            self.assertFalse(np.allclose(first, other, atol=1e-5))
        with self.subTest("where order means something it is kept"):
            kept = train(_learner(shuffle=False))
            np.testing.assert_allclose(
                kept, np.stack([of_orders[0]] * tasks), rtol=1e-4, atol=1e-6
            )


class MappingTest(absltest.TestCase):
    def test_compiled_by_xla_it_makes_the_same_step(self):
        dataset = tf.data.Dataset.from_tensors(_episodes())
        weights = {}
        for mapping, jit_compile in (
            ("map", False),
            ("map", True),
            ("vectorize", True),
        ):
            learner = _learner(
                _mann,
                mapping=mapping,
                jit_compile=jit_compile,
                # XLA has other random numbers.
                shuffle=False,
            )
            learner.fit(dataset, verbose=0)
            weights[mapping, jit_compile] = learner.get_weights()
        expected = weights.pop(("map", False))
        for found in weights.values():
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)

    def test_support_of_a_size_that_the_graph_does_not_know(self):
        episodes = _episodes()

        def gradients(mapping):
            learner = _learner(mapping=mapping, shuffle=False)
            return learner, tf.function(
                learner.task_gradients,
                autograph=False,
                input_signature=[
                    tuple(
                        tf.TensorSpec((_TASKS, None, *v.shape[2:]), v.dtype)
                        for v in episodes
                    )
                ],
            )

        learner, of_any_size = gradients("map")
        for ours, theirs in zip(
            of_any_size(episodes).gradients,
            learner.task_gradients(episodes).gradients,
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
        _, of_any_size = gradients("vectorize")
        with self.assertRaisesRegex(
            errors.InputError,
            r"support_x: of shape \(None, 5\), .* mapping='vectorize'",
        ):
            of_any_size(episodes)


class TrainingTest(parameterized.TestCase):
    @parameterized.named_parameters(*_CELLS)
    def test_it_learns_to_bind_symbols_to_labels(self, cell):
        """Which of two symbols has which label, only the support set says."""
        rng = np.random.default_rng(0)
        symbols = np.eye(2, _INPUTS, dtype=np.float32)

        def episodes(tasks):
            y = np.argsort(rng.random((tasks, 2)), axis=1)
            x = np.stack([symbols] * tasks)
            return x, y, x, y

        learner = _learner(
            cell,
            optimizer=keras.optimizers.Adam(1e-2),
            mapping="vectorize",
        )
        dataset = tf.data.Dataset.from_tensor_slices(episodes(300 * 16))
        learner.fit(dataset.batch(16, drop_remainder=True), verbose=0)
        test = tf.data.Dataset.from_tensors(episodes(200))
        scores = learner.evaluate(test, verbose=0, return_dict=True)
        self.assertGreater(scores["accuracy"], 0.95)
        for kind in ("before_adaptation", "with_other_support"):
            self.assertBetween(scores[f"accuracy_{kind}"], 0.4, 0.6)


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("dense", lambda: keras.layers.Dense(3), "Dense"),
        ("layer", lambda: keras.layers.LSTM(3), "LSTM"),
        ("no_layer", lambda: "lstm", "str"),
    )
    def test_no_cell(self, cell, name):
        decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        with self.assertRaisesRegex(
            errors.InputError, f"cell: expected a Keras RNN cell, .* got {name}"
        ):
            recurrent.RecurrentLearner(_encoder(), cell(), decoder)
        with self.assertRaisesRegex(errors.InputError, "cell: .* RNN cell"):
            recurrent_networks.recurrent_networks(_encoder(), cell())

    def test_decoder_of_another_width(self):
        decoder = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2)], name="decoder"
        )
        with self.assertRaisesRegex(
            errors.InputError,
            r"decoder='decoder': .* shapes \(6,\); got 1 and \(3,\)",
        ):
            recurrent.RecurrentLearner(_encoder(), _lstm(), decoder)

    def test_encoder_of_images(self):
        encoder = keras.Sequential(
            [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)], name="encoder"
        )
        with self.assertRaisesRegex(
            errors.InputError, r"encoder='encoder': .* got \(6, 6, 4\)"
        ):
            _learner(encoder=lambda: encoder)


if __name__ == "__main__":
    absltest.main()
