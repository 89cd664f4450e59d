import contextlib
import os
from unittest import mock

from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks.poses import backends


class ChooseBackendTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("both", ["OSMesa", "EGL"], "", None, "osmesa"),
        ("egl_alone", ["EGL"], "", None, "egl"),
        ("given", ["OSMesa", "EGL"], "osmesa", "egl", "egl"),
        ("mujoco_gl", ["OSMesa", "EGL"], "EGL", None, "egl"),
        ("mujoco_gl_of_a_window", ["OSMesa", "EGL"], "glfw", None, "osmesa"),
    )
    def test_choice(self, libraries, variable, given, expected):
        with self.environment(libraries, variable):
            self.assertEqual(backends.choose_backend(given), expected)

    @parameterized.named_parameters(
        ("none", [], "", None, "libosmesa6 or libegl1$"),
        (
            "osmesa",
            ["EGL"],
            "",
            "osmesa",
            "OSMesa.*apt-get install libosmesa6$",
        ),
        ("egl", ["OSMesa"], "egl", None, "EGL.*apt-get install libegl1$"),
        ("unknown", ["OSMesa"], "", "glfw", "osmesa, egl, got 'glfw'"),
    )
    def test_missing_library_is_named_with_its_package(
        self, libraries, variable, given, expected
    ):
        with (
            self.environment(libraries, variable),
            self.assertRaisesRegex(
                errors.InputError, f"^backend: .*{expected}"
            ),
        ):
            backends.choose_backend(given)

    @contextlib.contextmanager
    def environment(self, libraries, variable):
        with (
            mock.patch.dict(os.environ, MUJOCO_GL=variable),
            mock.patch(
                "ctypes.util.find_library", lambda name: name in libraries
            ),
        ):
            yield


if __name__ == "__main__":
    absltest.main()
