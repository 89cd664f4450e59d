"""Sluice networks: mixtures of subspaces and layers, the penalty, saving."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.sharing import cross_stitch, sluice


def _activations(*shape, number=2):
    rng = np.random.default_rng(0)
    return list(rng.normal(size=(number, *shape)).astype(np.float32))


class SluiceUnitTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 3)
    def test_identity_changes_nothing(self, subspaces):
        inputs = _activations(4, 5, 6)
        outputs = sluice.SluiceUnit(subspaces, own=1.0)(inputs)
        for output, given in zip(outputs, inputs, strict=True):
            np.testing.assert_array_equal(output, given)

    def test_one_subspace_is_a_cross_stitch_unit(self):
        inputs = _activations(4, 6, number=3)
        for one, other in zip(
            sluice.SluiceUnit(1, own=0.6)(inputs),
            cross_stitch.CrossStitch(own=0.6)(inputs),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5)

    @parameterized.parameters((4, 6), (4, 3, 3, 6))
    def test_alpha_moves_a_subspace_to_another_task(self, *shape):
        layer = sluice.SluiceUnit(2)
        inputs = _activations(*shape)
        layer.build([given.shape for given in inputs])
        # Rows and columns: A1, A2, B1, B2. A1 takes of B2, B2 nothing.
        alpha = np.zeros((4, 4))
        alpha[0, 3], alpha[1, 1], alpha[2, 2] = 1.0, 1.0, 2.0
        layer.alpha.assign(alpha)
        first, second = layer(inputs)
        np.testing.assert_array_equal(first[..., :3], inputs[1][..., 3:])
        np.testing.assert_array_equal(first[..., 3:], inputs[0][..., 3:])
        np.testing.assert_array_equal(second[..., :3], 2 * inputs[1][..., :3])
        np.testing.assert_array_equal(second[..., 3:], 0)

    def test_starts_with_rows_that_sum_to_one(self):
        layer = sluice.SluiceUnit(2, own=0.8)
        layer.build([(None, 6)] * 3)
        np.testing.assert_allclose(tf.reduce_sum(layer.alpha, 1), 1, rtol=1e-6)
        np.testing.assert_allclose(tf.linalg.diag_part(layer.alpha), 0.8)

    def test_bad_input_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "subspaces=0"):
            sluice.SluiceUnit(0)
        with self.assertRaisesRegex(errors.InputError, "divisor of the 5"):
            sluice.SluiceUnit(2).build([(None, 5)] * 2)


class LayerMixtureTest(absltest.TestCase):
    def test_all_weight_on_the_last_layer_is_the_plain_network(self):
        inputs = _activations(4, 6, number=3)
        np.testing.assert_array_equal(
            sluice.LayerMixture(last=1.0)(inputs), inputs[-1]
        )

    def test_starts_as_the_mean(self):
        inputs = _activations(4, 6, number=3)
        np.testing.assert_allclose(
            sluice.LayerMixture()(inputs), np.mean(inputs, 0), rtol=1e-5
        )


class OrthogonalSubspacesTest(absltest.TestCase):
    def test_is_zero_for_orthogonal_subspaces_alone(self):
        columns = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 6)))[0]
        # Columns of one subspace may overlap.
        columns[:, 1] += columns[:, 0]
        penalty = sluice.OrthogonalSubspaces(0.5, subspaces=3)
        self.assertAlmostEqual(float(penalty(tf.constant(columns))), 0.0)
        columns[:, 2] += 2 * columns[:, 5]
        # <c2 + 2 c5, c5> = 2, in one pair of subspaces.
        np.testing.assert_allclose(penalty(tf.constant(columns)), 0.5 * 2**2)

    def test_has_the_gradient_of_its_formula(self):
        kernel = tf.constant(np.random.default_rng(1).normal(size=(5, 4)))
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            value = sluice.OrthogonalSubspaces(1.0)(kernel)
        first, second = kernel[:, :2], kernel[:, 2:]
        overlap = tf.matmul(first, second, transpose_a=True)
        np.testing.assert_allclose(value, tf.reduce_sum(overlap**2))
        np.testing.assert_allclose(
            tape.gradient(value, kernel),
            2
            * tf.concat(
                [
                    tf.matmul(second, overlap, transpose_b=True),
                    tf.matmul(first, overlap),
                ],
                axis=1,
            ),
        )


class SavingTest(absltest.TestCase):
    def test_a_saved_network_loads_with_outputs_and_losses(self):
        inputs = [keras.Input((5,)) for _ in range(2)]
        dense = [
            keras.layers.Dense(
                6, kernel_regularizer=sluice.OrthogonalSubspaces(0.1, 3)
            )
            for _ in inputs
        ]
        first = [layer(x) for layer, x in zip(dense, inputs, strict=True)]
        second = sluice.SluiceUnit(3, own=0.5)(first)
        mixture = sluice.LayerMixture(last=0.7)([first[0], second[0]])
        model = keras.Model(inputs, [mixture, second[1]])
        path = self.create_tempdir().full_path + "/model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        for one, other in zip(
            loaded(_activations(4, 5)), model(_activations(4, 5)), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        self.assertLen(loaded.losses, 2)
        np.testing.assert_array_equal(loaded.losses, model.losses)


if __name__ == "__main__":
    absltest.main()
