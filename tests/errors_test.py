"""Tests for tfmeta.errors."""

from absl.testing import absltest

from tfmeta import errors


class InputErrorTest(absltest.TestCase):
    def test_is_caught_as_a_value_error(self):
        with self.assertRaisesRegex(ValueError, "ways must be at least 1"):
            raise errors.InputError("ways must be at least 1; got 0")


if __name__ == "__main__":
    absltest.main()
