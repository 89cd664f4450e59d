import numpy as np
from absl.testing import absltest, parameterized

from tests.tasks.poses import pose_cases
from tfmeta.tasks.poses import meshes, off_parser


class ParseTest(parameterized.TestCase):
    def test_reads_vertices_and_triangles(self):
        mesh = off_parser.parse_off(pose_cases.TETRAHEDRON.encode())
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
        mesh = off_parser.parse_off(change(pose_cases.TETRAHEDRON).encode())
        plain = off_parser.parse_off(pose_cases.TETRAHEDRON.encode())
        np.testing.assert_array_equal(mesh.vertices, plain.vertices)
        np.testing.assert_array_equal(mesh.triangles, plain.triangles)

    def test_polygons_become_fans(self):
        mesh = off_parser.parse_off(
            b"OFF\n5 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n0 0 1\n"
            b"4 0 1 2 3\n3 4 1 0\n"
        )
        np.testing.assert_array_equal(
            mesh.triangles, [[0, 1, 2], [0, 2, 3], [4, 1, 0]]
        )

    def test_unused_vertices_are_left_out(self):
        mesh = off_parser.parse_off(
            b"OFF\n5 1 0\n9 9 9\n0 0 0\n8 8 8\n1 0 0\n0 1 0\n3 1 3 4\n"
        )
        np.testing.assert_array_equal(
            mesh.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
        )
        np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])

    @parameterized.named_parameters(
        ("empty", "", "OFF at its beginning, got ''"),
        ("other_format", "ply\nformat ascii", "got 'ply'"),
        (
            "colours",
            pose_cases.TETRAHEDRON.replace("OFF", "COFF"),
            "got 'COFF'",
        ),
        ("keyword_alone", "OFF", "numbers of vertices and faces"),
        ("binary", "OFF BINARY\n", "got 'BINARY"),
        ("one_count", pose_cases.TETRAHEDRON.replace("4 4 6", "4"), "got '4'"),
        (
            "negative",
            pose_cases.TETRAHEDRON.replace("4 4 6", "-4 4 6"),
            "got '-4 4'",
        ),
        ("no_faces", "OFF\n1 0 0\n0 0 0\n", "got 1 and 0"),
        ("cut_off", pose_cases.TETRAHEDRON[:-8], "got 7 lines"),
        ("longer", pose_cases.TETRAHEDRON + "3 0 1 2", "got 9 lines"),
        (
            "huge_counts",
            pose_cases.TETRAHEDRON.replace("4 4 6", "99999999999999999999 4 6"),
            "expected 9{20} vertices",
        ),
        (
            "word",
            pose_cases.TETRAHEDRON.replace("1 0 0", "1 x 0"),
            "vertices.*'x'",
        ),
        ("ragged", pose_cases.TETRAHEDRON.replace("1 0 0", "1 0"), "vertices"),
        (
            "not_finite",
            pose_cases.TETRAHEDRON.replace("1 0 0", "1e999 0 0"),
            "not finite",
        ),
        (
            "nan",
            pose_cases.TETRAHEDRON.replace("1 0 0", "nan 0 0"),
            "not finite",
        ),
        (
            "foreign_vertex",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "3 1 2 4"),
            "not one of 0 to 3",
        ),
        (
            "negative_vertex",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "3 1 2 -1"),
            "not one of 0 to 3",
        ),
        (
            "fraction",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "3 1 2 0.5"),
            "faces are no table.*0.5",
        ),
        (
            "edge",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "2 1 2"),
            "got '2 1 2'",
        ),
        (
            "short",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "4 1 2 3"),
            "got '4 1 2 3'",
        ),
        (
            "many_corners",
            pose_cases.TETRAHEDRON.replace("3 1 2 3", "99999999999 1 2 3"),
            "got '99999999999 1 2 3'",
        ),
        ("two_dimensions", "OFF\n3 1\n0 0\n0 1\n1 0\n3 0 1 2\n", "got 2"),
    )
    def test_bad_file_is_refused(self, text, expected):
        with self.assertRaisesRegex(meshes.MeshError, expected) as caught:
            off_parser.parse_off(text.encode())
        self.assertNotIn("\n", str(caught.exception))
        self.assertLess(len(str(caught.exception)), 200)

    def test_bytes_are_refused(self):
        with self.assertRaisesRegex(meshes.MeshError, "not text"):
            off_parser.parse_off(b"OFF\n\xff\xfe\x00")


if __name__ == "__main__":
    absltest.main()
