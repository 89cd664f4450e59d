from absl.testing import absltest, parameterized

from tests import prerequisites
from tests.environments import package_comparison


class AcceleratedTest(parameterized.TestCase):
    """The rest of the 50 tasks is in accelerated_all_test.py."""

    # Contacts and grasps, a task with a `_reset_hand` of its own, one with
    # physics in its reset, one with two objects.
    @parameterized.parameters(
        ("pick-place-v3", "v2"),
        ("faucet-open-v3", "v1"),
        ("door-lock-v3", "v2"),
        ("stick-push-v3", "v1"),
    )
    def test_it_is_the_package_bit_for_bit(self, name, reward_version):
        prerequisites.package("metaworld")
        # A goal again after another: what is kept of it must not be stale.
        difference = package_comparison.compare(
            name, reward_version=reward_version, episodes=[0, 1, 0], steps=60
        )
        self.assertEqual(difference.largest, 0.0)
        self.assertGreater(difference.contacts, 5)


if __name__ == "__main__":
    absltest.main()
