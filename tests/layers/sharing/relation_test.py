"""Related heads: the prior, its covariances, shared and own data, saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import relation

_TASKS = ("a", "b", "c")


def _build(features=5, units=4, **kwargs):
    layer = relation.RelatedDense(_TASKS, units, **kwargs)
    layer.build((None, features))
    return layer


def _random_covariance(size, seed):
    factor = np.random.default_rng(seed).normal(size=(size, 2 * size))
    covariance = factor @ factor.T
    return covariance * size / np.trace(covariance)


def _weights(layer):
    return np.stack([kernel.numpy() for kernel in layer.kernels], axis=-1)


class PriorTest(parameterized.TestCase):
    def test_identity_covariances_are_an_l2_penalty(self):
        layer = _build(weight=0.3)
        (loss,) = layer.losses
        expected = sum(
            keras.regularizers.L2(0.15)(kernel) for kernel in layer.kernels
        )
        np.testing.assert_allclose(loss, expected, rtol=1e-5)

    def test_is_the_quadratic_form_of_the_kronecker_product(self):
        layer = _build(weight=2.0, dtype="float64")
        covariances = {}
        for seed, (mode, variable) in enumerate(layer.covariances.items()):
            covariances[mode] = _random_covariance(variable.shape[0], seed)
            layer.precisions[mode].assign(np.linalg.inv(covariances[mode]))
        vector = _weights(layer).ravel()
        full = np.kron(
            np.kron(covariances["feature"], covariances["unit"]),
            covariances["task"],
        )
        with tf.GradientTape() as tape:
            (loss,) = layer.losses
        np.testing.assert_allclose(
            loss, vector @ np.linalg.solve(full, vector), rtol=1e-9
        )
        gradient = np.stack(
            tape.gradient(loss, [kernel.value for kernel in layer.kernels]),
            axis=-1,
        )
        np.testing.assert_allclose(
            gradient.ravel(), 2 * np.linalg.solve(full, vector), rtol=1e-9
        )

    def test_is_added_once_however_often_the_layer_is_called(self):
        layer = _build()
        for task in _TASKS:
            layer({task: np.ones((2, 5), np.float32)})
        self.assertLen(layer.losses, 1)

    def test_is_of_the_weights_of_a_stateless_call(self):
        layer = _build(weight=2.0)
        weights = [tf.ones_like(v.value) for v in layer.trainable_variables]
        _, _, losses = layer.stateless_call(
            weights,
            [v.value for v in layer.non_trainable_variables],
            np.ones((2, 5), np.float32),
            return_losses=True,
        )
        np.testing.assert_allclose(losses, [5 * 4 * 3], rtol=1e-6)

    def test_related_weights_cost_less_than_unrelated_ones(self):
        layer = _build(weight=1.0)
        layer.precisions["task"].assign(
            np.linalg.inv(0.1 * np.eye(3) + 0.9 * np.ones((3, 3)))
        )
        kernel = np.random.default_rng(0).normal(size=(5, 4))
        for variable in layer.kernels:
            variable.assign(kernel)
        alike = float(layer.losses[0])
        layer.kernels[0].assign(-kernel)
        self.assertGreater(float(layer.losses[0]), 5 * alike)


class CovariancesTest(absltest.TestCase):
    def test_flip_flop_finds_the_covariances_of_a_draw(self):
        features, units = 30, 25
        layer = _build(features, units, shrinkage=1e-3)
        truth = {
            "feature": _random_covariance(features, 0),
            "unit": _random_covariance(units, 1),
            "task": np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1.0]]),
        }
        roots = [np.linalg.cholesky(matrix) for matrix in truth.values()]
        noise = np.random.default_rng(2).normal(size=(features, units, 3))
        draw = 0.05 * np.einsum("fg,uv,ts,gvs->fut", *roots, noise)
        for index, variable in enumerate(layer.kernels):
            variable.assign(draw[..., index])
        for _ in range(5):
            layer.update_covariances()
        errors_of = {
            mode: np.linalg.norm(layer.covariances[mode] - matrix)
            / np.linalg.norm(matrix)
            for mode, matrix in truth.items()
        }
        # Of 75, 90 and 750 samples.
        self.assertLess(errors_of["feature"], 0.75)
        self.assertLess(errors_of["unit"], 0.6)
        self.assertLess(errors_of["task"], 0.12)
        with self.subTest("the precisions are their inverses"):
            for mode, covariance in layer.covariances.items():
                np.testing.assert_allclose(
                    layer.precisions[mode].numpy() @ covariance.numpy(),
                    np.eye(covariance.shape[0]),
                    atol=2e-2,
                )
                np.testing.assert_allclose(
                    np.trace(covariance), covariance.shape[0], rtol=1e-4
                )

    def test_an_update_is_the_formula(self):
        layer = _build(shrinkage=0.2, dtype="float64")
        unit, task = _random_covariance(4, 0), _random_covariance(3, 1)
        layer.precisions["unit"].assign(np.linalg.inv(unit))
        layer.precisions["task"].assign(np.linalg.inv(task))
        unfolded = _weights(layer).reshape(5, -1)
        layer.update_covariances()
        expected = unfolded @ np.linalg.inv(np.kron(unit, task)) @ unfolded.T
        expected *= 5 / np.trace(expected)
        np.testing.assert_allclose(
            layer.covariances["feature"],
            0.8 * expected + 0.2 * np.eye(5),
            rtol=1e-7,
        )

    def test_full_shrinkage_and_zero_weights_keep_the_identity(self):
        full, zero = _build(shrinkage=1.0), _build()
        for kernel in zero.kernels:
            kernel.assign(np.zeros((5, 4)))
        for layer in (full, zero):
            layer.update_covariances()
            for matrices in (layer.covariances, layer.precisions):
                for matrix in matrices.values():
                    np.testing.assert_allclose(
                        matrix, np.eye(matrix.shape[0]), atol=1e-5
                    )

    def test_works_in_a_graph(self):
        one, other = _build(), _build()
        for kernel, twin in zip(one.kernels, other.kernels, strict=True):
            twin.assign(kernel)
        one.update_covariances()
        tf.function(other.update_covariances)()
        np.testing.assert_allclose(
            one.covariances["task"], other.covariances["task"], rtol=1e-4
        )


class HeadsTest(parameterized.TestCase):
    def test_shared_and_own_data_give_the_same_heads(self):
        layer = _build(activation="tanh")
        inputs = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
        outputs = layer(inputs)
        self.assertSequenceEqual(list(outputs), _TASKS)
        own = layer({"b": inputs[:2], "a": inputs})
        self.assertSameElements(own, ["a", "b"])
        np.testing.assert_allclose(own["b"], outputs["b"][:2], rtol=1e-5)
        kernel, bias = layer.kernels[1].numpy(), layer.biases[1].numpy()
        np.testing.assert_allclose(
            own["b"], np.tanh(inputs[:2] @ kernel + bias), rtol=1e-5
        )

    def test_heads_start_apart(self):
        kernels = _weights(_build())
        self.assertGreater(np.abs(kernels[..., 0] - kernels[..., 1]).max(), 0.1)

    def test_mixed_precision_keeps_the_prior_wide(self):
        layer = _build(dtype="mixed_bfloat16")
        outputs = layer(np.ones((2, 5), np.float32))
        self.assertEqual(outputs["a"].dtype, tf.bfloat16)
        self.assertEqual(layer.losses[0].dtype, tf.float32)

    def test_saves_and_loads(self):
        inputs = {task: keras.Input((5,), name=task) for task in _TASKS}
        layer = relation.RelatedDense(_TASKS, 4, weight=0.3)
        model = keras.Model(inputs, layer(inputs))
        layer.update_covariances()
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        given = {task: np.ones((2, 5), np.float32) for task in _TASKS}
        for task in _TASKS:
            np.testing.assert_array_equal(
                loaded(given)[task], model(given)[task]
            )
        np.testing.assert_array_equal(loaded.losses, model.losses)

    def test_trains_with_keras(self):
        inputs = keras.Input((5,))
        layer = relation.RelatedDense(_TASKS, 1, weight=10.0)
        model = keras.Model(inputs, layer(inputs))
        model.compile("sgd", dict.fromkeys(_TASKS, "mse"))
        x = np.random.default_rng(0).normal(size=(64, 5))
        before = np.linalg.norm(_weights(layer))
        model.fit(x, dict.fromkeys(_TASKS, x[:, :1]), epochs=5, verbose=0)
        self.assertLess(np.linalg.norm(_weights(layer)), 0.5 * before)

    @parameterized.parameters(
        ({"tasks": ("a", "a")}, "tasks="),
        ({"weight": -1.0}, "weight=-1"),
        ({"shrinkage": 0.0}, "shrinkage=0"),
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            relation.RelatedDense(**{"tasks": _TASKS, "units": 2, **arguments})

    def test_unknown_tasks_are_refused(self):
        with self.assertRaisesRegex(errors.InputError, "'d'"):
            _build()({"d": np.ones((2, 5), np.float32)})


if __name__ == "__main__":
    absltest.main()
