import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import errors
from tfmeta.tasks.poses import pose_objects


class PoseObjectsTest(parameterized.TestCase):
    def test_select_keeps_images_azimuths_and_names_together(self):
        objects = pose_cases.coded_objects(5, 3)
        chosen = objects.select([3, 1])
        self.assertEqual(list(chosen.names), ["object3", "object1"])
        np.testing.assert_array_equal(chosen.images, objects.images[[3, 1]])
        np.testing.assert_array_equal(chosen.labels, objects.labels[[3, 1]])

    @parameterized.named_parameters(
        ("floats", {"images": np.zeros([2, 3, 4, 4, 1])}, "got float64"),
        ("no_channels", {"images": np.zeros([2, 3, 4, 4], "u1")}, "^images"),
        ("none", {"images": np.zeros([0, 3, 4, 4, 1], "u1")}, "^images"),
        ("azimuths", {"azimuths": np.zeros([2, 4])}, "2 x 3 images, got"),
        ("nan", {"azimuths": np.full([2, 3], np.nan)}, "finite"),
        ("names", {"names": ["a"]}, "^names: .*2 objects, got 1"),
    )
    def test_bad_input_is_refused(self, arguments, expected):
        valid = {
            "images": np.zeros([2, 3, 4, 4, 1], np.uint8),
            "azimuths": np.zeros([2, 3]),
            "names": ["a", "b"],
        }
        with self.assertRaisesRegex(errors.InputError, expected):
            pose_objects.PoseObjects(**valid | arguments)


if __name__ == "__main__":
    absltest.main()
