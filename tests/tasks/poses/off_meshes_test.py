import os
import pathlib
import zipfile

import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.tasks.poses import off_meshes

TETRAHEDRON = """OFF
4 4 6
0 0 0
1 0 0
0 1 0
0 0 1
3 0 2 1
3 0 1 3
3 0 3 2
3 1 2 3
"""


class ParseTest(parameterized.TestCase):
    def test_reads_vertices_and_triangles(self):
        mesh = off_meshes.parse_off(TETRAHEDRON.encode())
        np.testing.assert_array_equal(
            mesh.vertices, np.concatenate([np.zeros([1, 3]), np.eye(3)])
        )
        np.testing.assert_array_equal(
            mesh.triangles, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
        )

    @parameterized.named_parameters(
        ("counts_beside_the_keyword", lambda text: text.replace("F\n", "F ")),
        ("no_number_of_edges", lambda text: text.replace("4 4 6", "4 4")),
        ("comments", lambda text: "# A\n\n" + text.replace("\n", " # b\n\n")),
        ("windows", lambda text: text.replace("\n", "\r\n")),
        ("tabs", lambda text: text.replace(" ", "\t ")),
        ("colours", lambda text: text.replace("3 1 2 3", "3 1 2 3 255 0 0")),
        ("exponents", lambda text: text.replace("1 0 0", "1e0 0.0 -0")),
        ("no_last_newline", str.strip),
    )
    def test_takes_varieties(self, change):
        mesh = off_meshes.parse_off(change(TETRAHEDRON).encode())
        plain = off_meshes.parse_off(TETRAHEDRON.encode())
        np.testing.assert_array_equal(mesh.vertices, plain.vertices)
        np.testing.assert_array_equal(mesh.triangles, plain.triangles)

    def test_polygons_become_fans(self):
        mesh = off_meshes.parse_off(
            b"OFF\n5 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n0 0 1\n"
            b"4 0 1 2 3\n3 4 1 0\n"
        )
        np.testing.assert_array_equal(
            mesh.triangles, [[0, 1, 2], [0, 2, 3], [4, 1, 0]]
        )

    def test_unused_vertices_are_left_out(self):
        mesh = off_meshes.parse_off(
            b"OFF\n5 1 0\n9 9 9\n0 0 0\n8 8 8\n1 0 0\n0 1 0\n3 1 3 4\n"
        )
        np.testing.assert_array_equal(
            mesh.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
        )
        np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])

    @parameterized.named_parameters(
        ("empty", "", "OFF at its beginning, got ''"),
        ("other_format", "ply\nformat ascii", "got 'ply'"),
        ("colours", TETRAHEDRON.replace("OFF", "COFF"), "got 'COFF'"),
        ("keyword_alone", "OFF", "numbers of vertices and faces"),
        ("binary", "OFF BINARY\n", "got 'BINARY"),
        ("one_count", TETRAHEDRON.replace("4 4 6", "4"), "got '4'"),
        ("negative", TETRAHEDRON.replace("4 4 6", "-4 4 6"), "got '-4 4'"),
        ("no_faces", "OFF\n1 0 0\n0 0 0\n", "got 1 and 0"),
        ("cut_off", TETRAHEDRON[:-8], "got 7 lines"),
        ("longer", TETRAHEDRON + "3 0 1 2", "got 9 lines"),
        (
            "huge_counts",
            TETRAHEDRON.replace("4 4 6", "99999999999999999999 4 6"),
            "expected 9{20} vertices",
        ),
        ("word", TETRAHEDRON.replace("1 0 0", "1 x 0"), "vertices.*'x'"),
        ("ragged", TETRAHEDRON.replace("1 0 0", "1 0"), "vertices"),
        (
            "not_finite",
            TETRAHEDRON.replace("1 0 0", "1e999 0 0"),
            "not finite",
        ),
        ("nan", TETRAHEDRON.replace("1 0 0", "nan 0 0"), "not finite"),
        (
            "foreign_vertex",
            TETRAHEDRON.replace("3 1 2 3", "3 1 2 4"),
            "not one of 0 to 3",
        ),
        (
            "negative_vertex",
            TETRAHEDRON.replace("3 1 2 3", "3 1 2 -1"),
            "not one of 0 to 3",
        ),
        (
            "fraction",
            TETRAHEDRON.replace("3 1 2 3", "3 1 2 0.5"),
            "faces are no table.*0.5",
        ),
        ("edge", TETRAHEDRON.replace("3 1 2 3", "2 1 2"), "got '2 1 2'"),
        ("short", TETRAHEDRON.replace("3 1 2 3", "4 1 2 3"), "got '4 1 2 3'"),
        (
            "many_corners",
            TETRAHEDRON.replace("3 1 2 3", "99999999999 1 2 3"),
            "got '99999999999 1 2 3'",
        ),
        ("two_dimensions", "OFF\n3 1\n0 0\n0 1\n1 0\n3 0 1 2\n", "got 2"),
    )
    def test_bad_file_is_refused(self, text, expected):
        with self.assertRaisesRegex(off_meshes.MeshError, expected) as caught:
            off_meshes.parse_off(text.encode())
        self.assertNotIn("\n", str(caught.exception))
        self.assertLess(len(str(caught.exception)), 200)

    def test_bytes_are_refused(self):
        with self.assertRaisesRegex(off_meshes.MeshError, "no text"):
            off_meshes.parse_off(b"OFF\n\xff\xfe\x00")


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
        found = off_meshes.read_off_files(path, exclude=["bottle", "car/07"])
        self.assertEqual(
            list(found.items()),
            [("car/01", b"car"), ("chair/01", b"one"), ("chair/02", b"two")],
        )

    def test_class_folders_need_no_folder_around_them(self):
        path = self.unpack({"car/01.off": "car"})
        self.assertEqual(list(off_meshes.read_off_files(path)), ["car/01"])
        self.assertEqual(
            list(off_meshes.read_off_files(path / "car")), ["car/01"]
        )

    def test_unpacks_nothing(self):
        path = self.zip({"../../car/01.off": "car", "/etc/car/02.off": "car"})
        self.assertEqual(
            list(off_meshes.read_off_files(path)), ["car/01", "car/02"]
        )
        self.assertEqual(list(self.folder.iterdir()), [path])

    @parameterized.named_parameters(
        ("empty", {}, "none in .*cad.zip"),
        ("all_excluded", {"bottle/1.off": ""}, "cad.zip besides bottle, train"),
        ("twice", {"a/car/1.off": "", "b/car/1.off": ""}, "two .* 'car/1'"),
    )
    def test_bad_contents_are_refused(self, files, expected):
        with self.assertRaisesRegex(errors.InputError, expected):
            off_meshes.read_off_files(
                self.zip(files), exclude=["bottle", "train"]
            )

    def test_missing_file_is_refused(self):
        with self.assertRaisesRegex(errors.InputError, "does not exist"):
            off_meshes.read_off_files(self.folder / "missing.zip")

    def test_damaged_zip_file_is_refused(self):
        path = self.zip({"car/01.off": TETRAHEDRON * 50})
        whole = path.read_bytes()
        refused = 0
        for place in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[place] ^= 0x55
            path.write_bytes(damaged)
            try:
                found = off_meshes.read_off_files(path)
            except errors.InputError:
                refused += 1
            else:
                (content,) = found.values()
                self.assertEqual(content, (TETRAHEDRON * 50).encode())
        self.assertGreater(refused, 10)
        path.write_bytes(whole[:-30])
        with self.assertRaisesRegex(errors.InputError, "as a zip file"):
            off_meshes.read_off_files(path)

    def test_oversized_member_is_refused(self):
        path = self.zip({"car/01.off": b"\0" * 1000})
        content = path.read_bytes()
        # The unpacked size, where the directory says it.
        place = content.rindex((1000).to_bytes(4, "little"))
        size = (2**31).to_bytes(4, "little")
        path.write_bytes(content[:place] + size + content[place + 4 :])
        with self.assertRaisesRegex(errors.InputError, "2147483648 bytes"):
            off_meshes.read_off_files(path)

    def test_unreadable_file_is_refused(self):
        path = self.unpack({"car/01.off": "car"})
        if os.geteuid() == 0:
            raise absltest.SkipTest("root reads everything")
        (path / "car" / "01.off").chmod(0)
        with self.assertRaisesRegex(errors.InputError, "cannot read"):
            off_meshes.read_off_files(path)


if __name__ == "__main__":
    absltest.main()
