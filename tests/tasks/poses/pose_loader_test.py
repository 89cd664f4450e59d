import collections
import importlib.metadata
import os
import pathlib
import threading
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import errors
from tfmeta.tasks.poses import (
    backends,
    meshes,
    off_parser,
    pose_loader,
    rendered_objects,
    rendering,
)

TURN = 2 * np.pi


class FakeRenderer:
    """Counts what it renders; refuses meshes that are lower than 0.1."""

    rendered: collections.Counter = collections.Counter()
    lock = threading.Lock()

    def __init__(self, image_size, *, backend):
        self.size = image_size

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def render(self, shape, azimuths):
        if isinstance(shape, meshes.Mesh):
            height = shape.vertices[:, 2].max()
            if height < 0.1:
                raise meshes.MeshError("MuJoCo: it is flat")
        else:
            height = shape[0].size[0]
        with self.lock:
            self.rendered[round(float(height), 6)] += 1
        return np.full([len(azimuths), self.size, self.size], 7, np.uint8)


class LoadTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.cad = pathlib.Path(self.create_tempdir("cad").full_path)
        self.cache_dir = self.create_tempdir("cache").full_path
        for number in range(8):
            self.write(
                f"car/{number}", pose_cases.WEDGE.format(height=1 + number / 10)
            )
        self.write("bottle/1", "not for reading")

    def write(self, name, content):
        path = self.cad / f"{name}.off"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    def load(self, cad="given", **arguments):
        return pose_loader.load_pose(
            self.cad if cad == "given" else cad,
            **{
                "meta_validation_objects": 2,
                "meta_test_objects": 3,
                "renders": 5,
                "image_size": 16,
                "cache_dir": self.cache_dir,
            }
            | arguments,
        )


class LoadWithoutRenderingTest(LoadTest):
    def setUp(self):
        super().setUp()
        self.enter_context(
            mock.patch.object(rendering, "Renderer", FakeRenderer)
        )
        self.enter_context(mock.patch("builtins.print"))
        FakeRenderer.rendered.clear()

    def num_rendered(self):
        number = FakeRenderer.rendered.total()
        FakeRenderer.rendered.clear()
        return number

    def test_objects_are_in_one_split_each(self):
        splits = self.load()
        self.assertEqual([len(part.names) for part in splits], [3, 2, 3])
        self.assertCountEqual(
            [name for part in splits for name in part.names],
            [f"car/{number}" for number in range(8)],
        )
        for part in splits:
            self.assertEqual(part.images.shape[1:], (5, 16, 16, 1))
            self.assertBetween(part.azimuths.min(), 0, TURN)
            self.assertBetween(part.azimuths.max(), 0, TURN)

    def test_canonical_shifts_the_azimuths_of_each_object_alone(self):
        drawn = self.load().meta_train
        self.assertEqual(self.num_rendered(), 8)
        modelled = self.load(canonical="model").meta_train
        self.assertEqual(self.num_rendered(), 0)
        self.assertEqual(drawn.names, modelled.names)
        np.testing.assert_array_equal(drawn.images, modelled.images)
        self.assertBetween(modelled.azimuths.min(), 0, TURN)
        self.assertBetween(modelled.azimuths.max(), 0, TURN)
        shifts = np.exp(1j * (modelled.azimuths - drawn.azimuths))
        np.testing.assert_allclose(shifts, shifts[:, :1] * np.ones(5))
        self.assertGreater(np.abs(np.diff(shifts[:, 0])).min(), 0.01)

    def test_seed_fixes_the_split_alone(self):
        def azimuths(splits):
            return {
                name: of_object.tolist()
                for part in splits
                for name, of_object in zip(
                    part.names, part.azimuths, strict=True
                )
            }

        first, repeated, other = (self.load(seed=seed) for seed in (1, 1, 2))
        self.assertEqual(first.meta_test.names, repeated.meta_test.names)
        self.assertNotEqual(first.meta_test.names, other.meta_test.names)
        self.assertEqual(azimuths(first), azimuths(other))
        self.assertEqual(self.num_rendered(), 8)

    def test_renders_once_for_a_version_and_settings(self):
        self.load()
        self.assertEqual(self.num_rendered(), 8)
        self.load()
        self.assertEqual(self.num_rendered(), 0)
        for change in (
            lambda: self.load(renders=6),
            lambda: self.load(image_size=18),
        ):
            change()
            self.assertEqual(self.num_rendered(), 8)
        with mock.patch.object(backends, "mujoco_version", return_value="3.0"):
            self.load()
        self.assertEqual(self.num_rendered(), 8)
        with mock.patch.object(rendered_objects, "_VERSION", -1):
            self.load()
        self.assertEqual(self.num_rendered(), 8)
        self.load()
        self.assertEqual(self.num_rendered(), 0)

    def test_only_what_changed_is_rendered(self):
        self.load()
        self.num_rendered()
        self.write("car/3", pose_cases.WEDGE.format(height=0.7))
        self.write("chair/1", pose_cases.WEDGE.format(height=0.8))
        self.load()
        self.assertEqual(dict(FakeRenderer.rendered), {0.35: 1, 0.4: 1})

    def test_damaged_cache_file_is_rendered_anew(self):
        self.load()
        self.num_rendered()
        file = min(pathlib.Path(self.cache_dir).iterdir())
        file.write_bytes(file.read_bytes()[:100])
        self.load()
        self.assertEqual(self.num_rendered(), 1)

    def test_what_cannot_be_rendered_is_named_and_the_rest_is_kept(self):
        self.write("car/2", "OFF\n")
        self.write("car/5", pose_cases.WEDGE.format(height=0.1))
        with self.assertRaisesRegex(
            errors.InputError,
            r"^cad: 2 of 8 meshes cannot be rendered: car/2 \(expected the "
            r"numbers.*\), car/5 \(MuJoCo: it is flat\); mend or exclude them$",
        ):
            self.load()
        self.assertEqual(self.num_rendered(), 6)
        self.load(exclude=["bottle", "car/2", "car/5"])
        self.assertEqual(self.num_rendered(), 0)
        for number in (2, 5):
            self.write(f"car/{number}", pose_cases.WEDGE.format(height=2))
        self.load()
        self.assertEqual(self.num_rendered(), 2)

    def test_many_failures_fit_into_a_line(self):
        for number in range(6):
            self.write(f"car/{number}", "OFF\n")
        with self.assertRaisesRegex(
            errors.InputError, r"6 of 8 .*car/2 \([^)]*\) and 3 more; mend"
        ):
            self.load()

    def test_an_error_of_the_renderer_ends_all(self):
        with (
            mock.patch.object(
                FakeRenderer,
                "render",
                side_effect=errors.InputError("backend: no library"),
            ) as render,
            self.assertRaisesRegex(errors.InputError, "^backend: no library"),
        ):
            self.load()
        self.assertLessEqual(render.call_count, len(os.sched_getaffinity(0)))
        self.load()
        self.assertEqual(self.num_rendered(), 8)

    def test_composed_objects_need_no_files(self):
        splits = self.load(
            None, meta_validation_objects=6, meta_test_objects=15, renders=1
        )
        self.assertEqual([len(part.names) for part in splits], [39, 6, 15])
        self.assertEqual(self.num_rendered(), 60)
        self.assertIn(
            "composed/00", {name for part in splits for name in part.names}
        )

    def test_what_is_cached_needs_no_library(self):
        with mock.patch("ctypes.util.find_library", return_value=None):
            self.load()
            with self.assertRaisesRegex(errors.InputError, "^backend: .*egl"):
                self.load(backend="egl")

    @parameterized.named_parameters(
        ("missing", {"cad": "missing.zip"}, "^cad: .*missing.zip"),
        ("too_few", {"meta_test_objects": 6}, "expected 9 .*got 8"),
        ("no_test", {"meta_test_objects": 0}, "^meta_test_objects"),
        (
            "no_validation",
            {"meta_validation_objects": 0},
            "^meta_validation_objects",
        ),
        ("no_renders", {"renders": 0}, "^renders"),
        ("small", {"image_size": 7}, "^image_size"),
        ("seed", {"seed": -1}, "^seed"),
        ("backend", {"backend": "glfw"}, "^backend: .*'glfw'"),
        ("canonical", {"canonical": "mean"}, "^canonical: .*'mean'"),
        ("excluded", {"exclude": ["car", "bottle"]}, "^cad: .*besides"),
    )
    def test_bad_argument_is_refused(self, arguments, expected):
        with self.assertRaisesRegex(errors.InputError, expected):
            self.load(**arguments)

    def test_missing_mujoco_is_named_with_its_extra(self):
        with (
            mock.patch(
                "importlib.metadata.version",
                side_effect=importlib.metadata.PackageNotFoundError,
            ),
            self.assertRaisesRegex(errors.InputError, r"tfmeta\[pose\]"),
        ):
            self.load()


class LoadTestWithRendering(LoadTest):
    def setUp(self):
        super().setUp()
        pose_cases.require_backend()

    def test_azimuths_are_by_how_much_objects_are_turned(self):
        # All have one shape, so that only their orientations differ.
        for number in range(8):
            self.write(f"car/{number}", pose_cases.WEDGE.format(height=0.8))
        objects = self.load(image_size=48).meta_test
        mesh = meshes.normalize(
            off_parser.parse_off(pose_cases.WEDGE.format(height=0.8).encode())
        )
        angles = TURN * np.arange(180) / 180
        with rendering.Renderer(48) as renderer:
            looks = renderer.render(mesh, angles).astype(int)
        images = objects.images[..., 0]
        differences = np.abs(images[:, :, np.newaxis] - looks).mean((3, 4))
        self.assertLess(differences.min(2).max(), 1.5)
        canonical = angles[differences.argmin(2)] - objects.azimuths
        # All images of an object agree on where its azimuth 0 is,
        error = np.angle(np.exp(1j * (canonical - canonical[:, :1])))
        self.assertLess(np.abs(error).max(), np.radians(4))
        # and objects do not,
        between = np.exp(1j * (canonical[:, :1] - canonical[:, 0]))
        self.assertGreater(
            np.abs(np.angle(between))[~np.eye(3, dtype=bool)].min(),
            np.radians(4),
        )
        # unless azimuth 0 is where the model faces.
        objects = self.load(image_size=48, canonical="model").meta_test
        error = np.exp(1j * (angles[differences.argmin(2)] - objects.azimuths))
        self.assertLess(np.abs(np.angle(error)).max(), np.radians(4))

    def test_real_cad_models(self):
        cad = os.environ.get("PASCAL3D_CAD", "absent")
        if not pathlib.Path(cad).exists():
            raise absltest.SkipTest(
                "needs the CAD models of PASCAL3D+, as a zip file or folder of "
                "<class>/<instance>.off, in the environment variable "
                "PASCAL3D_CAD"
            )
        splits = self.load(
            cad,
            renders=2,
            image_size=32,
            meta_validation_objects=6,
            meta_test_objects=15,
        )
        names = [name for part in splits for name in part.names]
        self.assertGreater(len(names), 6 + 15 + 20)
        classes = {name.split("/")[0] for name in names}
        self.assertContainsSubset(["aeroplane", "chair", "sofa"], classes)
        self.assertNoCommonElements(["bottle", "train"], classes)
        images = np.concatenate([part.images for part in splits]).astype(int)
        self.assertGreater(images.std((2, 3, 4)).min(), 3)
        self.assertGreater(np.ptp(images, 1).max((1, 2, 3)).min(), 30)


if __name__ == "__main__":
    absltest.main()
