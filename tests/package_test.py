"""Tests for what `import tfmeta` gives."""

import subprocess
import sys

from absl.testing import absltest, parameterized

import tfmeta


class PackageTest(parameterized.TestCase):
    @parameterized.parameters(*tfmeta.__all__)
    def test_subpackage_is_there_without_its_own_import(self, name):
        self.assertEqual(getattr(tfmeta, name).__name__, f"tfmeta.{name}")
        self.assertIn(name, dir(tfmeta))

    def test_unknown_attribute_is_an_attribute_error(self):
        with self.assertRaisesRegex(AttributeError, "'tfmeta'.*'learner'"):
            _ = tfmeta.learner

    def test_import_alone_does_not_load_tensorflow(self):
        program = "import sys, tfmeta; print('tensorflow' in sys.modules)"
        printed = subprocess.check_output([sys.executable, "-c", program])
        self.assertEqual(printed.decode().strip(), "False")

    def test_without_a_posterior_tfp_is_not_loaded(self):
        """Nor does an import draw: the first model is as the next."""
        program = (
            "import random, sys, numpy, keras, tfmeta; "
            "keras.utils.set_random_seed(0); "
            "state = random.getstate(), numpy.random.get_state()[1].tolist(); "
            "[list(vars(getattr(tfmeta, name))) for name in tfmeta.__all__]; "
            "print(state == (random.getstate(), "
            "numpy.random.get_state()[1].tolist())); "
            "tfmeta.learners.MAML(tfmeta.networks.mlp(2, 1)); "
            "print('tensorflow_probability' in sys.modules); "
            "layer = tfmeta.layers.DenseFlipout(1); "
            "random.seed(0); "
            "state = random.getstate(); "
            "import tensorflow_probability.python.distributions; "
            "print(state == random.getstate())"
        )
        printed = subprocess.check_output([sys.executable, "-c", program])
        self.assertEqual(printed.decode().split(), ["True", "False", "True"])


if __name__ == "__main__":
    absltest.main()
