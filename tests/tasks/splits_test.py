from absl.testing import absltest

from tfmeta import errors
from tfmeta.tasks import splits


class SplitsTest(absltest.TestCase):
    def test_a_part_is_that_of_its_name(self):
        letters = splits.Splits("a", "b", "c")
        self.assertEqual(
            [letters.part(name) for name in splits.SPLITS], [*"abc"]
        )
        self.assertEqual(letters.part("meta-test"), letters.meta_test)

    def test_unknown_part(self):
        with self.assertRaisesRegex(
            errors.InputError, "^split: expected one of .*, got 'test'$"
        ):
            splits.Splits("a", "b", "c").part("test")


if __name__ == "__main__":
    absltest.main()
