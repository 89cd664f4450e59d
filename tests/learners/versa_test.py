"""VERSA's posterior over the head, and what it predicts."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.learners import versa
from tfmeta.networks import amortization

_SUPPORT, _QUERIES, _INPUTS, _FEATURES, _WAYS = 7, 5, 6, 4, 3


def _encoder(units=_FEATURES):
    return keras.Sequential(
        [
            keras.Input((_INPUTS,)),
            keras.layers.Dense(units, activation="tanh"),
        ],
        name="encoder",
    )


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _versa(ways=_WAYS, scale=0.5, **kwargs):
    keras.utils.set_random_seed(0)
    learner = versa.VERSA(
        _encoder(),
        amortization.amortized_head(_FEATURES, hidden=[8], initial_scale=scale),
        ways=ways,
        **kwargs,
    )
    learner.compile(
        keras.optimizers.Adam(1e-2),
        _cross_entropy(),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return learner


def _task(ways=_WAYS):
    rng = np.random.default_rng(0)
    support_x = rng.normal(size=(_SUPPORT, _INPUTS)).astype(np.float32)
    query_x = rng.normal(size=(_QUERIES, _INPUTS)).astype(np.float32)
    # Classes of different sizes.
    return support_x, np.arange(_SUPPORT) % ways, 2 * query_x


def _predict(learner, support_x, support_y, query_x):
    adapted = learner.adapt(support_x, support_y)
    return learner.predict_adapted(adapted, query_x).numpy()


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


class PosteriorTest(parameterized.TestCase):
    def test_each_class_s_is_of_the_mean_of_its_features(self):
        learner = _versa()
        support_x, support_y, _ = _task()
        encoder, network, _ = learner.network.parts.values()
        features = encoder(support_x).numpy()
        posterior = learner.posterior(support_x, support_y)
        for label in range(_WAYS):
            pooled = features[support_y == label].mean(0)
            mean, log_variance = np.split(network(pooled[np.newaxis])[0], 2)
            np.testing.assert_allclose(posterior.mean[label], mean, rtol=1e-4)
            np.testing.assert_allclose(
                posterior.stddev[label], np.exp(log_variance / 2), rtol=1e-4
            )

    def test_at_the_start_it_has_the_scale_that_was_asked_for(self):
        posterior = _versa(scale=0.05).posterior(*_task()[:2])
        self.assertBetween(np.min(posterior.stddev), 0.02, 0.05)
        self.assertBetween(np.max(posterior.stddev), 0.05, 0.12)

    def test_a_class_without_support_is_as_before_any(self):
        learner = _versa()
        support_x, support_y, _ = _task()
        posterior = learner.posterior(support_x, support_y % 2)
        mean, _ = np.split(
            learner.network.parts["amortization"](np.zeros((1, _FEATURES)))[0],
            2,
        )
        np.testing.assert_allclose(posterior.mean[2], mean, rtol=1e-4)
        self.assertFalse(np.allclose(posterior.mean[1], mean, atol=1e-3))

    def test_the_support_is_a_set(self):
        learner = _versa()
        support_x, support_y, query_x = _task()
        expected = _predict(learner, support_x, support_y, query_x)
        order = np.random.default_rng(1).permutation(_SUPPORT)
        for name, indices in (
            ("order", order),
            ("repetition", np.tile(order, 2)),
        ):
            with self.subTest(name):
                np.testing.assert_allclose(
                    _predict(
                        learner,
                        support_x[indices],
                        support_y[indices],
                        query_x,
                    ),
                    expected,
                    rtol=1e-4,
                    atol=1e-5,
                )

    def test_classes_have_no_names(self):
        learner = _versa(test_draws=100_000)
        support_x, support_y, query_x = _task()
        new_names = np.array([2, 0, 1])
        before, after = (
            learner.posterior(support_x, labels)
            for labels in (support_y, new_names[support_y])
        )
        for old, new in zip(before, after, strict=True):
            np.testing.assert_allclose(
                new.numpy()[new_names], old, rtol=1e-4, atol=1e-6
            )
        # Noise belongs to names, and differs by what 1e5 draws leave of it.
        old, new = (
            np.exp(_predict(learner, support_x, labels, query_x))
            for labels in (support_y, new_names[support_y])
        )
        np.testing.assert_allclose(new[:, new_names], old, atol=0.005)
        self.assertGreater(np.max(np.abs(new - old)), 0.05)

    def test_an_encoder_may_have_no_weights(self):
        learner = versa.VERSA(
            keras.Sequential([keras.Input((_INPUTS,)), keras.layers.ReLU()]),
            amortization.amortized_head(_INPUTS, hidden=[8]),
            ways=_WAYS,
        )
        learner.compile(loss=_cross_entropy())
        self.assertEqual(_predict(learner, *_task()).shape, (_QUERIES, _WAYS))


class PredictiveTest(parameterized.TestCase):
    def test_draws_of_the_head(self):
        """The same by draws of psi itself, of which logits are made."""
        learner = _versa(scale=2.0, test_draws=100_000)
        support_x, support_y, query_x = _task()
        mean, stddev = map(np.array, learner.posterior(support_x, support_y))
        rng = np.random.default_rng(1)
        psi = mean + stddev * rng.normal(size=(100_000, _WAYS, _FEATURES + 1))
        features = learner.network.parts["encoder"](query_x).numpy()
        logits = (
            np.einsum("qf,lcf->lqc", features, psi[..., :-1])
            + psi[:, np.newaxis, :, -1]
        )
        expected = _softmax(logits).mean(0)
        mean_head = _softmax(features @ mean[:, :-1].T + mean[:, -1])
        self.assertGreater(np.max(np.abs(expected - mean_head)), 0.05)
        np.testing.assert_allclose(
            np.exp(_predict(learner, support_x, support_y, query_x)),
            expected,
            atol=0.01,
        )

    def test_two_classes_by_quadrature(self):
        """Of two classes the logits' difference is one normal number."""
        learner = _versa(ways=2, scale=1.0, test_draws=200_000)
        support_x, support_y, query_x = _task(ways=2)
        mean, stddev = map(np.array, learner.posterior(support_x, support_y))
        features = learner.network.parts["encoder"](query_x).numpy()
        features = np.hstack([features, np.ones((_QUERIES, 1))])
        difference = features @ (mean[1] - mean[0])
        scale = np.sqrt(features**2 @ (stddev**2).sum(0))
        points, point_weights = np.polynomial.hermite_e.hermegauss(60)
        draws = difference[:, np.newaxis] + scale[:, np.newaxis] * points
        expected = (1 / (1 + np.exp(-draws))) @ point_weights
        expected /= point_weights.sum()
        predictions = _predict(learner, support_x, support_y, query_x)
        np.testing.assert_allclose(
            np.exp(predictions[:, 1]), expected, atol=0.004
        )
        np.testing.assert_allclose(np.exp(predictions).sum(1), 1, rtol=1e-5)

    @parameterized.parameters(1, 10)
    def test_without_variance_it_is_the_head_of_the_means(self, test_draws):
        learner = _versa(scale=1e-7, test_draws=test_draws)
        support_x, support_y, query_x = _task()
        mean = learner.posterior(support_x, support_y).mean.numpy()
        features = learner.network.parts["encoder"](query_x).numpy()
        np.testing.assert_allclose(
            _predict(learner, support_x, support_y, query_x),
            np.log(_softmax(features @ mean[:, :-1].T + mean[:, -1])),
            atol=1e-4,
        )

    def test_the_loss_is_that_of_the_mean_probability(self):
        """Of L draws it falls with L: log is concave (Jensen)."""
        support_x, support_y, query_x = (
            np.stack([values] * 200) for values in _task()
        )
        query_y = np.full((200, _QUERIES), 1)
        losses = {}
        for draws in (1, 10, 1000):
            step = _versa(scale=2.0, draws=draws).task_gradients(
                (support_x, support_y, query_x, query_y)
            )
            np.testing.assert_allclose(
                step.losses,
                -np.mean(step.outputs.predictions[..., 1], axis=1),
                rtol=1e-4,
            )
            losses[draws] = np.mean(step.losses)
        exact = -np.mean(
            _predict(
                _versa(scale=2.0, test_draws=100_000),
                *(values[0] for values in (support_x, support_y, query_x)),
            )[:, 1]
        )
        self.assertGreater(losses[1], losses[10] + 0.1)
        self.assertGreater(losses[10], losses[1000])
        self.assertAlmostEqual(losses[1000], exact, delta=0.01)

    def test_noise(self):
        learner = _versa(draws=2, test_draws=2)
        support_x, support_y, query_x = _task()
        query_x = np.repeat(query_x[:1], _QUERIES, axis=0)
        alike = _predict(learner, support_x, support_y, query_x)
        with self.subTest("at test it is the same for all queries"):
            np.testing.assert_allclose(
                alike, alike[:1].repeat(_QUERIES, 0), rtol=1e-5
            )
            np.testing.assert_array_equal(
                alike, _predict(learner, support_x, support_y, query_x)
            )
        with self.subTest("in training each query, task and step has its own"):
            episodes = (
                np.stack([support_x] * 2),
                np.stack([support_y] * 2),
                np.stack([query_x] * 2),
                np.zeros((2, _QUERIES), np.int32),
            )
            drawn = np.stack(
                [
                    learner.task_gradients(episodes).outputs.predictions
                    for _ in range(2)
                ]
            )
            self.assertLen(np.unique(drawn[..., 0]), 2 * 2 * _QUERIES)
        with self.subTest("a seed fixes it"):
            other = _versa(draws=2, test_draws=2, seed=1)
            self.assertFalse(
                np.allclose(
                    alike, _predict(other, support_x, support_y, query_x)
                )
            )


class TrainingTest(absltest.TestCase):
    def test_it_learns_to_tell_clusters_it_has_never_seen(self):
        rng = np.random.default_rng(0)

        def episodes(tasks):
            centres = rng.normal(size=(tasks, 1, _WAYS, _INPUTS))
            x = centres + 0.3 * rng.normal(size=(tasks, 4, _WAYS, _INPUTS))
            x = x.reshape((tasks, 4 * _WAYS, _INPUTS)).astype(np.float32)
            y = np.tile(np.arange(_WAYS), (tasks, 4))
            half = 2 * _WAYS
            return x[:, :half], y[:, :half], x[:, half:], y[:, half:]

        keras.utils.set_random_seed(0)
        learner = versa.VERSA(
            _encoder(16), amortization.amortized_head(16, hidden=[32]), ways=3
        )
        learner.compile(
            keras.optimizers.Adam(1e-2),
            _cross_entropy(),
            metrics=["accuracy"],
        )
        dataset = tf.data.Dataset.from_tensor_slices(episodes(200 * 8))
        learner.fit(dataset.batch(8), verbose=0)
        test = tf.data.Dataset.from_tensors(episodes(200))
        scores = learner.evaluate(test, verbose=0, return_dict=True)
        self.assertGreater(scores["accuracy"], 0.9)
        for kind in ("before_adaptation", "with_other_support"):
            self.assertBetween(scores[f"accuracy_{kind}"], 0.2, 0.5)


class BadInputTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("ways", {"ways": 1}, "ways=1: expected 2 or more"),
        ("draws", {"draws": 0}, "draws=0: expected 1 or more"),
        ("test_draws", {"test_draws": 0}, "test_draws=0: expected 1 or more"),
    )
    def test_numbers(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            _versa(**arguments)

    def test_scale(self):
        with self.assertRaisesRegex(errors.InputError, "initial_scale=0"):
            amortization.amortized_head(3, initial_scale=0)

    @parameterized.named_parameters(
        (
            "of_other_features",
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(10)]),
            r"amortization=.*: expected one output, .* shapes \(4,\)",
        ),
        (
            "of_too_few_parameters",
            keras.Sequential([keras.Input((4,)), keras.layers.Dense(9)]),
            r"amortization=.*: expected outputs of shape \(10,\).*got \(9,\)",
        ),
    )
    def test_amortization_networks(self, network, message):
        with self.assertRaisesRegex(errors.InputError, message):
            versa.VERSA(_encoder(), network, ways=3)

    def test_encoder_of_images(self):
        encoder = keras.Sequential(
            [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)], name="encoder"
        )
        with self.assertRaisesRegex(
            errors.InputError, r"encoder='encoder': .* got \(6, 6, 4\)"
        ):
            versa.VERSA(encoder, amortization.amortized_head(4), ways=3)

    @parameterized.parameters(
        "mse",
        "sparse_categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(),
    )
    def test_losses(self, loss):
        with self.assertRaisesRegex(errors.InputError, "from_logits=True"):
            _versa().compile(loss=loss)


if __name__ == "__main__":
    absltest.main()
