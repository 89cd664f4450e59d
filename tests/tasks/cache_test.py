import os
import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta.tasks import cache


class CacheTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)
        self.built = 0

    def build(self):
        self.built += 1
        return {"squares": np.arange(1000) ** 2, "names": np.array(["a", "ß"])}

    def load(self, key="one", folder=None):
        arrays = cache.cached_arrays(
            "test", key, self.build, folder=folder or self.folder
        )
        self.assertEqual(set(arrays), {"squares", "names"})
        np.testing.assert_array_equal(arrays["squares"], np.arange(1000) ** 2)
        self.assertEqual(arrays["names"].tolist(), ["a", "ß"])

    def test_builds_once(self):
        self.load()
        self.load()
        self.assertEqual(self.built, 1)
        self.assertLen(list(self.folder.iterdir()), 1)

    def test_another_key_is_another_file(self):
        self.load()
        self.load("two")
        self.assertEqual(self.built, 2)
        self.load("one")
        self.load("two")
        self.assertEqual(self.built, 2)

    def test_file_under_another_key_is_not_taken(self):
        self.load()
        (file,) = self.folder.iterdir()
        self.load("two")
        (other,) = set(self.folder.iterdir()) - {file}
        file.replace(other)
        self.load("two")
        self.assertEqual(self.built, 3)

    @parameterized.named_parameters(
        ("empty", lambda content: b""),
        ("truncated", lambda content: content[: len(content) // 2]),
        ("last_byte", lambda content: content[:-1]),
        (
            "flipped",
            lambda content: (
                content[:100] + bytes([content[100] ^ 255]) + content[101:]
            ),
        ),
        ("text", lambda content: b"not an archive at all"),
    )
    def test_damaged_file_is_built_anew(self, damage):
        self.load()
        (file,) = self.folder.iterdir()
        file.write_bytes(damage(file.read_bytes()))
        self.load()
        self.assertEqual(self.built, 2)
        self.load()
        self.assertEqual(self.built, 2)

    def test_every_flipped_byte_is_noticed_or_harmless(self):
        self.load()
        (file,) = self.folder.iterdir()
        content = file.read_bytes()
        for place in range(0, len(content), 41):
            damaged = bytearray(content)
            damaged[place] ^= 0x55
            file.write_bytes(damaged)
            self.load()

    @parameterized.named_parameters(
        ("bare_array", np.arange(3)),
        ("pickle", np.array([{}], dtype=object)),
    )
    def test_other_numpy_file_is_built_anew(self, array):
        self.load()
        (file,) = self.folder.iterdir()
        with file.open("wb") as stream:
            np.save(stream, array)
        self.load()
        self.assertEqual(self.built, 2)

    def test_folder_that_cannot_be_made_is_no_obstacle(self):
        (self.folder / "file").write_text("in the way")
        with self.assertLogs(level="WARNING") as logs:
            self.load(folder=self.folder / "file" / "cache")
            self.load(folder=self.folder / "file" / "cache")
        self.assertEqual(self.built, 2)
        self.assertLen(logs.output, 1)
        self.assertIn("TFMETA_CACHE_DIR", logs.output[0])

    def test_full_disk_leaves_nothing_behind(self):
        full = OSError(28, "No space left on device")
        with mock.patch.object(np, "savez_compressed", side_effect=full):
            self.load()
        self.assertEmpty(list(self.folder.iterdir()))

    @parameterized.named_parameters(
        ("own", {"TFMETA_CACHE_DIR": "/a", "HOME": "/h"}, "/a"),
        (
            "xdg",
            {"TFMETA_CACHE_DIR": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"},
            "/x/tfmeta",
        ),
        ("home", {"HOME": "/h"}, "/h/.cache/tfmeta"),
        ("no_home", {}, "/t/tfmeta"),
    )
    def test_default_folder(self, environment, expected):
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch("tempfile.tempdir", "/t"),
        ):
            self.assertEqual(cache.default_folder(), pathlib.Path(expected))


if __name__ == "__main__":
    absltest.main()
