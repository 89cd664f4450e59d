import os
import pathlib
import zipfile

from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta import errors
from tfmeta.tasks.poses import off_files


class ReadOffFilesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def zip(self, files):
        path = self.folder / "cad.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    def unpack(self, files):
        for name, content in files.items():
            file = self.folder / "cad" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return self.folder / "cad"

    @parameterized.named_parameters(("zip", "zip"), ("folder", "unpack"))
    def test_finds_off_files_by_class_and_instance(self, store):
        path = getattr(self, store)(
            {
                "CAD/chair/02.off": "two",
                "CAD/chair/01.OFF": "one",
                "CAD/bottle/01.off": "no",
                "CAD/car/01.off": "car",
                "CAD/car/07.off": "no",
                "CAD/car/notes.txt": "no",
                "CAD/car/.hidden.off": "no",
                "__MACOSX/01.off": "no",
                "CAD/car/noff": "no",
            }
        )
        contents = off_files.read_off_files(path, exclude=["bottle", "car/07"])
        self.assertEqual(
            list(contents.items()),
            [("car/01", b"car"), ("chair/01", b"one"), ("chair/02", b"two")],
        )

    def test_class_folders_need_no_folder_around_them(self):
        path = self.unpack({"car/01.off": "car"})
        self.assertEqual(list(off_files.read_off_files(path)), ["car/01"])
        self.assertEqual(
            list(off_files.read_off_files(path / "car")), ["car/01"]
        )

    def test_unpacks_nothing(self):
        path = self.zip({"../../car/01.off": "car", "/etc/car/02.off": "car"})
        self.assertEqual(
            list(off_files.read_off_files(path)), ["car/01", "car/02"]
        )
        self.assertEqual(list(self.folder.iterdir()), [path])

    @parameterized.named_parameters(
        ("empty", {}, "none in .*cad.zip"),
        ("all_excluded", {"bottle/1.off": ""}, "cad.zip besides bottle, train"),
        ("twice", {"a/car/1.off": "", "b/car/1.off": ""}, "two .* 'car/1'"),
    )
    def test_bad_contents_are_refused(self, files, expected):
        with self.assertRaisesRegex(errors.InputError, expected):
            off_files.read_off_files(
                self.zip(files), exclude=["bottle", "train"]
            )

    def test_missing_file_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "does not exist"):
            off_files.read_off_files(self.folder / "missing.zip")

    def test_damaged_zip_file_is_refused(self):
        path = self.zip({"car/01.off": pose_cases.TETRAHEDRON * 50})
        whole = path.read_bytes()
        refused = 0
        for place in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[place] ^= 0x55
            path.write_bytes(damaged)
            try:
                contents = off_files.read_off_files(path)
            except errors.InputError:
                refused += 1
            else:
                (content,) = contents.values()
                self.assertEqual(
                    content, (pose_cases.TETRAHEDRON * 50).encode()
                )
        self.assertGreater(refused, 10)
        path.write_bytes(whole[:-30])
        with self.assertRaisesRegex(errors.InputError, "as a zip file"):
            off_files.read_off_files(path)

    def test_oversized_member_is_refused(self):
        path = self.zip({"car/01.off": b"\0" * 1000})
        content = path.read_bytes()
        # The unpacked size in the directory of the zip file.
        place = content.rindex((1000).to_bytes(4, "little"))
        size = (2**31).to_bytes(4, "little")
        path.write_bytes(content[:place] + size + content[place + 4 :])
        with self.assertRaisesRegex(errors.InputError, "2147483648 bytes"):
            off_files.read_off_files(path)

    def test_unreadable_file_is_refused(self):
        path = self.unpack({"car/01.off": "car"})
        if os.geteuid() == 0:
            raise absltest.SkipTest("root reads everything")
        (path / "car" / "01.off").chmod(0)
        with self.assertRaisesRegex(errors.InputError, "cannot read"):
            off_files.read_off_files(path)


if __name__ == "__main__":
    absltest.main()
