"""The networks of pose prediction: sizes, posteriors, what is adapted."""

import functools

import keras
import numpy as np
from absl.testing import absltest

from tfmeta import errors
from tfmeta.layers.variational import conv, dense
from tfmeta.learners import maml
from tfmeta.networks import pose

_VARIATIONAL = {
    "convolution": conv.Conv2DReparameterization,
    "dense": dense.DenseReparameterization,
}
# Kernels of the encoder; the paper's has 8x8x64 = 4096 features.
_ENCODER = 9 * (32 + 32 * 48 + 48 * 64) + 4096 * 196


class PoseNetworksTest(absltest.TestCase):
    def test_have_the_sizes_of_the_paper(self):
        encoder = pose.pose_encoder(196)
        self.assertEqual(encoder.output_shape, (None, 196))
        biases = 32 + 48 + 64 + 196
        self.assertEqual(encoder.count_params(), _ENCODER + biases)
        regressor = pose.pose_regressor()
        self.assertEqual(regressor.output_shape, (None, 1))
        self.assertEqual(
            regressor.get_layer("block4_relu").output.shape, (None, 14, 14, 64)
        )
        self.assertEqual(
            regressor.count_params(),
            _ENCODER + biases + 9 * (64 + 3 * 64 * 64) + 4 * 2 * 64 + 64 + 1,
        )

    def test_encoder_can_be_a_posterior(self):
        for network in (
            pose.pose_encoder(20, **_VARIATIONAL),
            pose.pose_regressor(**_VARIATIONAL),
        ):
            network(np.zeros((2, 128, 128, 1), np.float32))
            self.assertLen(network.losses, 4)

    def test_inner_loop_can_leave_the_encoder_alone(self):
        network = pose.pose_regressor(
            input_shape=(32, 32, 1), code_side=5, filters=4
        )
        self.assertEqual(
            network.get_layer("block4_relu").output.shape, (None, 5, 5, 4)
        )
        learner = maml.MAML(network, adapted=["block*", "head"])
        adapted = {variable.path for variable in learner.adapted_weights()}
        self.assertEqual(
            adapted,
            {
                variable.path
                for variable in network.trainable_variables
                if not variable.path.startswith("encoder")
            },
        )
        self.assertLen(adapted, 4 + 4 * 2 + 2)

    def test_code_is_linear_and_tells_images_apart(self):
        keras.utils.set_random_seed(0)
        encoder = pose.pose_encoder(7, input_shape=(16, 16, 1))
        rng = np.random.default_rng(0)
        codes = np.array(encoder(rng.random((50, 16, 16, 1), np.float32)))
        self.assertLess(codes.min(), 0)
        self.assertGreater(np.ptp(codes, axis=0).min(), 0)

    def test_small_images_are_refused(self):
        for build in (
            pose.pose_regressor,
            functools.partial(pose.pose_encoder, 20),
        ):
            with self.assertRaisesRegex(errors.InputError, "input_shape: .*7"):
                build(input_shape=(7, 16, 1))


if __name__ == "__main__":
    absltest.main()
