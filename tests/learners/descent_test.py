"""What learners share with models of several tasks: the step."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors, layers, learners, networks, optimizers
from tfmeta import training as training_lib

_TASKS = 4


def _episodes(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    shapes = ((5, 3), (5, 1), (6, 3), (6, 1))
    return tuple(
        rng.normal(size=(_TASKS, *shape)).astype(dtype) for shape in shapes
    )


def _dataset(steps=3):
    return tf.data.Dataset.from_tensors(_episodes()).repeat(steps)


def _learner(mapping="auto", **compiled):
    """Makes MR-MAML(W), whose divergence belongs to no task."""
    keras.utils.set_random_seed(0)
    encoder = layers.DenseReparameterization(
        4,
        kernel_divergence_fn=layers.KLDivergence(0.05),
        seed=1,
        name="encoder",
    )
    learner = learners.MAML(
        networks.mlp(3, 1, hidden=(4,), encoder=[encoder]),
        adapted="head",
        mapping=mapping,
        seed=2,
    )
    compiled = {"optimizer": _pcgrad(), "loss": "mse"} | compiled
    learner.compile(**compiled, jit_compile=False)
    return learner


def _pcgrad():
    return optimizers.PCGrad(
        keras.optimizers.SGD(0.1), reduction="mean", seed=3
    )


def _fit(learner, **kwargs):
    return learner.fit(_dataset(), verbose=0, shuffle=False, **kwargs).history


def _assert_same(ours, theirs, **tolerance):
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(one, other, **tolerance, err_msg=one.path)


class DescentTest(parameterized.TestCase):
    @parameterized.product(
        optimizer=(_pcgrad, lambda: keras.optimizers.SGD(0.1)),
        mapping=("map", "vectorize"),
    )
    def test_parts_make_the_same_update(self, optimizer, mapping):
        fitted = []
        for parts in (1, 3):
            learner = _learner(
                mapping,
                optimizer=optimizer(),
                weighting="gradnorm",
                num_tasks=_TASKS,
                gradient_parts=parts,
            )
            _fit(learner)
            fitted.append(learner)
        _assert_same(*fitted, rtol=1e-4, atol=1e-6)

    def test_weights_multiply_the_losses(self):
        plain = _learner(optimizer=keras.optimizers.SGD(0.2))
        # At first all weights are 1/2, and penalties move no other variable.
        weighted = _learner(
            optimizer=keras.optimizers.SGD(0.2),
            weighting="uncertainty",
            num_tasks=_TASKS,
        )
        start = [v.numpy() for v in plain.network.trainable_variables]
        for learner in (plain, weighted):
            learner.fit(tf.data.Dataset.from_tensors(_episodes()), verbose=0)
        for before, one, other in zip(
            start,
            plain.network.trainable_variables,
            weighted.network.trainable_variables,
            strict=True,
        ):
            if "encoder" not in one.path:
                np.testing.assert_allclose(
                    other - before, (one - before) / 2, rtol=1e-4, atol=1e-6
                )

    def test_a_weighting_learns(self):
        learner = _learner(weighting="uncertainty", num_tasks=_TASKS)
        _fit(learner)
        self.assertGreater(np.abs(learner.weighting.log_variances).max(), 1e-3)

    def test_curvature_is_that_of_the_mean_loss(self):
        keras.utils.set_random_seed(0)
        # Without hidden layers, and adapting nothing of note, the loss is a
        # quadratic, whose H is exact.
        learner = learners.MAML(
            networks.mlp(3, 1, hidden=()), inner_learning_rate=1e-6
        )
        learner.compile(
            keras.optimizers.SGD(0.05),
            "mse",
            jit_compile=False,
            measure_curvature=True,
        )
        before = [v.numpy() for v in learner.trainable_variables]
        episodes = _episodes()
        learner.fit(tf.data.Dataset.from_tensors(episodes), verbose=0)
        kernel, bias = (
            after.numpy() - start
            for after, start in zip(
                learner.trainable_variables, before, strict=True
            )
        )
        moves = episodes[2] @ kernel + bias
        expected = 2 * np.mean(moves**2)
        self.assertGreater(expected, 1e-4)
        curvature, sharpness = tf.convert_to_tensor(
            learner.last_curvature
        ).numpy()
        np.testing.assert_allclose(curvature, expected, rtol=1e-2)
        square = np.sum(kernel**2) + np.sum(bias**2)
        np.testing.assert_allclose(sharpness, expected / square, rtol=1e-2)

    def test_measuring_curvature_changes_nothing(self):
        plain, measured = _learner(), _learner(measure_curvature=True)
        self.assertIsNone(plain.last_curvature)
        for learner in (plain, measured):
            _fit(learner)
        _assert_same(plain, measured, rtol=1e-6)

    @parameterized.parameters(
        lambda: optimizers.GradVac(keras.optimizers.Adam(0.1)),
        lambda: optimizers.NashMTL(keras.optimizers.Adam(0.1)),
    )
    def test_a_checkpoint_knows_the_number_of_tasks(self, optimizer):
        learner = _learner(optimizer=optimizer())
        _fit(learner)
        folder = training_lib.Checkpoints(self.create_tempdir().full_path)
        folder.save(learner, 3, "progress")
        restored = _learner(optimizer=optimizer())
        self.assertEqual(folder.restore(restored), "progress")
        self.assertEqual(restored.optimizer.num_tasks, _TASKS)
        for each in (learner, restored):
            _fit(each)
        _assert_same(learner, restored, rtol=0)

    def test_a_saved_learner_goes_on_as_the_original(self):
        learner = _learner(
            optimizer=optimizers.GradVac(keras.optimizers.Adam(0.1)),
            loss=keras.losses.MeanSquaredError(),
            weighting="uncertainty",
            num_tasks=_TASKS,
            measure_curvature=True,
        )
        _fit(learner)
        path = self.create_tempdir().full_path + "/learner.keras"
        learner.save(path)
        loaded = keras.saving.load_model(path)
        self.assertIsNotNone(loaded.last_curvature)
        np.testing.assert_array_equal(
            loaded.weighting.log_variances, learner.weighting.log_variances
        )
        for one, other in zip(
            learner.optimizer.variables, loaded.optimizer.variables, strict=True
        ):
            np.testing.assert_array_equal(one, other)


class BadInputTest(absltest.TestCase):
    def test_a_weighting_without_a_number_of_tasks(self):
        with self.assertRaisesRegex(
            errors.InputError, "weighting='uncertainty.*num_tasks"
        ):
            _learner(weighting="uncertainty")

    def test_parts_without_task_gradients(self):
        with self.assertRaisesRegex(errors.InputError, "gradient_parts=2"):
            _learner(optimizer="sgd", gradient_parts=2)


def _softplus(y, predictions):
    return keras.ops.softplus(y - predictions)


def _linear(output_shape):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(int(np.prod(output_shape))),
            keras.layers.Reshape(output_shape),
        ]
    )


class LossTest(parameterized.TestCase):
    @parameterized.product(
        loss=[keras.losses.Huber(), _softplus],
        # Axes of targets and of outputs: Keras brings them to one rank.
        shapes=[((), (1,)), ((1,), (1,)), ((2,), (2, 1)), ((2, 1), (2,))],
    )
    def test_it_is_that_of_keras_for_targets_of_another_rank(
        self, loss, shapes
    ):
        y_shape, output_shape = shapes
        plain, network = (_linear(output_shape) for _ in range(2))
        plain.compile(keras.optimizers.SGD(0.1), loss)
        x, _, query_x, _ = _episodes()
        rng = np.random.default_rng(1)
        y = rng.normal(size=(_TASKS, 5, *y_shape)).astype(np.float32)
        query_y = rng.normal(size=(_TASKS, 6, *y_shape)).astype(np.float32)
        before = np.mean(
            [
                plain.test_on_batch(query_x[task], query_y[task])
                for task in range(_TASKS)
            ]
        )
        plain.train_on_batch(x[0], y[0])

        learner = learners.MAML(network, inner_learning_rate=0.1)
        learner.compile("sgd", loss)
        np.testing.assert_allclose(
            learner.predict_adapted(learner.adapt(x[0], y[0]), query_x[0]),
            plain(query_x[0]),
            rtol=1e-5,
            atol=1e-6,
        )
        still = learners.MAML(network, inner_learning_rate=1e-12)
        still.compile("sgd", loss)
        losses = still.task_gradients((x, y, query_x, query_y)).losses
        np.testing.assert_allclose(np.mean(losses), before, rtol=1e-5)


class SparseGradientsTest(parameterized.TestCase):
    @parameterized.parameters("map", "vectorize")
    def test_an_embedding_adapts(self, mapping):
        """As a tape within a tape says."""
        keras.utils.set_random_seed(0)
        network = keras.Sequential(
            [
                keras.Input((5,), dtype="int32"),
                keras.layers.Embedding(7, 4),
                keras.layers.GlobalAveragePooling1D(),
                keras.layers.Dense(1),
            ]
        )
        rng = np.random.default_rng(0)
        x = rng.integers(0, 7, (2, 3, 6, 5)).astype(np.int32)
        y = rng.normal(size=(2, 3, 6, 1)).astype(np.float32)

        def loss(weights, x, y):
            table, kernel, bias = weights
            outputs = tf.reduce_mean(tf.gather(table, x), 1) @ kernel + bias
            return tf.reduce_mean((y - outputs) ** 2)

        learner = learners.MAML(
            network, inner_learning_rate=0.3, mapping=mapping
        )
        learner.compile("sgd", "mse")
        gradients = learner.task_gradients((x[0], y[0], x[1], y[1])).gradients
        weights = [tf.constant(weight) for weight in network.get_weights()]
        for task in range(3):
            with tf.GradientTape() as outer:
                outer.watch(weights)
                with tf.GradientTape() as inner:
                    inner.watch(weights)
                    value = loss(weights, x[0][task], y[0][task])
                adapted = [
                    weight - 0.3 * tf.convert_to_tensor(gradient)
                    for weight, gradient in zip(
                        weights, inner.gradient(value, weights), strict=True
                    )
                ]
                value = loss(adapted, x[1][task], y[1][task])
            for gradient, expected in zip(
                gradients, outer.gradient(value, weights), strict=True
            ):
                np.testing.assert_allclose(
                    gradient[task],
                    tf.convert_to_tensor(expected),
                    rtol=1e-4,
                    atol=1e-6,
                )


def _anil(encoder):
    return learners.MAML(
        networks.mlp(3, 1, hidden=(), encoder=encoder),
        adapted="head",
        mapping="unroll",
    )


def _maml(encoder):
    return learners.MAML(
        networks.mlp(3, 1, hidden=(), encoder=encoder),
        learned_inner_rate="shared",
        mapping="unroll",
    )


def _cnp(encoder):
    return learners.CNP(
        *networks.neural_process(
            keras.Sequential([keras.Input((3,)), *encoder]), hidden=[4]
        ),
        mapping="unroll",
    )


class FrozenLayerTest(parameterized.TestCase):
    """Layers may be frozen and freed after a learner was made."""

    @parameterized.parameters(_maml, _anil, _cnp)
    def test_it_is_as_if_they_had_been_before(self, make):
        weights, predictions = [], []
        # (frozen when the learner is made, when it is compiled)
        for before, after in (
            (True, True),
            (False, True),
            (False, False),
            (True, False),
        ):
            keras.utils.set_random_seed(0)
            encoder = [
                keras.layers.Dense(4, "tanh"),
                layers.DenseReparameterization(4, seed=1),
            ]
            for layer in encoder:
                layer.trainable = not before
            learner = make(encoder)
            for layer in encoder:
                layer.trainable = not after
            learner.compile("sgd", "mse")
            start = encoder[0].get_weights()[0]
            learner.train_step(_episodes())
            moved = np.abs(encoder[0].get_weights()[0] - start).max()
            self.assertEqual(moved > 0, not after)
            weights.append(learner.get_weights())
            predictions.append(learner(_episodes()[:3]))
        for one, other in ((0, 1), (2, 3)):
            np.testing.assert_allclose(
                predictions[one], predictions[other], rtol=1e-5, atol=1e-6
            )
            for left, right in zip(weights[one], weights[other], strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)

    @parameterized.parameters("map", "vectorize")
    def test_batch_normalization_is_a_fixed_function(self, mapping):
        """A learner on a frozen backbone is one on its features."""
        backbone = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4),
                keras.layers.BatchNormalization(),
            ]
        )
        for value in backbone.weights:
            value.assign(keras.random.uniform(value.shape, 0.5, 2, seed=1))
        backbone.trainable = False
        x, y, query_x, query_y = _episodes()
        features, query_features = (
            tf.reshape(
                backbone(tf.reshape(part, (-1, 3)), training=True),
                (*part.shape[:2], 4),
            )
            for part in (x, query_x)
        )
        before = backbone.get_weights()
        results = []
        for inputs, encoder, episodes in (
            (3, [backbone], (x, y, query_x, query_y)),
            (4, [], (features, y, query_features, query_y)),
        ):
            keras.utils.set_random_seed(0)
            learner = learners.MAML(
                networks.mlp(inputs, 1, hidden=(4,), encoder=encoder),
                inner_steps=2,
                mapping=mapping,
            )
            learner.compile("sgd", "mse")
            results.append(learner.task_gradients(episodes).gradients)
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        for one, other in zip(backbone.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_batch_normalization_that_is_freed_is_refused(self):
        normalization = keras.layers.BatchNormalization()
        normalization.trainable = False
        learner = _anil([keras.layers.Dense(4), normalization])
        learner.compile("sgd", "mse")
        normalization.trainable = True
        with self.assertRaisesRegex(errors.InputError, "freeze it"):
            learner.train_step(_episodes())

    def test_what_adapts_may_not_all_be_frozen(self):
        learner = _anil([keras.layers.Dense(4)])
        learner.compile("sgd", "mse")
        learner.network.get_layer("head").trainable = False
        with self.assertRaisesRegex(errors.InputError, "adapted='head'"):
            learner.fit(_dataset(1), verbose=0)

    def test_a_rate_for_what_was_frozen(self):
        encoder = [keras.layers.Dense(4, name="body")]
        encoder[0].trainable = False
        learner = learners.MAML(
            networks.mlp(3, 1, hidden=(), encoder=encoder),
            learned_inner_rate="per_layer",
        )
        encoder[0].trainable = True
        learner.compile("sgd", "mse")
        with self.assertRaisesRegex(errors.InputError, "body.*make it anew"):
            learner.fit(_dataset(1), verbose=0)


if __name__ == "__main__":
    absltest.main()
