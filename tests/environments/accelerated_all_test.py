"""All 50 tasks over whole episodes, with both rewards: minutes, so by hand."""

from absl.testing import absltest, parameterized

from tests import prerequisites
from tests.environments import package_comparison
from tfmeta import environments, errors

try:
    NAMES = environments.list_metaworld_tasks("MT50")
except errors.InputError:
    NAMES = ["reach-v3"]  # It is skipped.


class AllTasksTest(parameterized.TestCase):
    @parameterized.product(name=NAMES, reward_version=["v2", "v1"])
    def test_it_is_the_package_bit_for_bit(self, name, reward_version):
        prerequisites.package("metaworld")
        difference = package_comparison.compare(
            name, reward_version=reward_version, episodes=[0, 1, 0], steps=500
        )
        self.assertEqual(difference.largest, 0.0)
        self.assertGreater(difference.contacts, 0)
        print(
            f"{name} {reward_version}: {difference.contacts} steps with "
            f"contacts, {difference.successes} with success, of 1500"
        )


if __name__ == "__main__":
    absltest.main()
