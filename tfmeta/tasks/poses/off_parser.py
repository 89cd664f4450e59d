"""Parses OFF files, which hold the polygons of a surface as text."""

from collections.abc import Sequence

import numpy as np

from tfmeta.tasks.poses import meshes


def parse_off(content: bytes) -> meshes.Mesh:
    """Parses an OFF file: text, of vertices and polygons.

    Polygons become triangles, which fan out from their first vertex. Vertices
    of no polygon are left out. Comments and colours of faces are passed over.

    Args:
        content: the content of the file.

    Returns:
        The mesh.

    Raises:
        MeshError: if it is not an OFF file, is of another variety (`COFF`,
            binary), breaks off or has no face, or if a coordinate is not a
            finite number or a face has a vertex that does not exist.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise meshes.MeshError("it is not text, as an OFF file is") from None
    lines = [
        line
        for whole in text.splitlines()
        if (line := whole.partition("#")[0].strip())
    ]
    keyword, *counts = (lines.pop(0) if lines else "").split()[:3] or [""]
    if keyword != "OFF":
        raise meshes.MeshError(
            f"expected OFF at its beginning, got {keyword[:20]!r}"
        )
    # The counts are on the same line or on the next.
    if not counts and lines:
        counts = lines.pop(0).split()[:2]
    if len(counts) != 2 or not all(map(str.isdecimal, counts)):
        raise meshes.MeshError(
            "expected the numbers of vertices and faces after OFF, got "
            f"{' '.join(counts)[:40]!r}"
        )
    num_vertices, num_faces = map(int, counts)
    if num_vertices < 1 or num_faces < 1:
        raise meshes.MeshError(
            f"expected vertices and faces, got {num_vertices} and {num_faces}"
        )
    if len(lines) != num_vertices + num_faces:
        raise meshes.MeshError(
            f"expected {num_vertices} vertices and {num_faces} faces, a line "
            f"each, got {len(lines)} lines"
        )
    vertices = _table(lines[:num_vertices], "vertices", np.float64)
    if vertices.shape[1] != 3:
        raise meshes.MeshError(
            f"expected vertices of 3 coordinates, got {vertices.shape[1]}"
        )
    if not np.isfinite(vertices).all():
        raise meshes.MeshError("a coordinate is not finite")
    triangles = _triangles(lines[num_vertices:])
    if triangles.min() < 0 or triangles.max() >= num_vertices:
        raise meshes.MeshError(
            f"a face has a vertex that is not one of 0 to {num_vertices - 1}"
        )
    used, triangles = np.unique(triangles, return_inverse=True)
    return meshes.Mesh(
        vertices[used], triangles.reshape([-1, 3]).astype(np.int32)
    )


def _triangles(lines: list[str]) -> np.ndarray:
    """Returns the triangles `[F, 3]` of faces; sorted by their corners."""
    by_corners: dict[str, list[str]] = {}
    for line in lines:
        by_corners.setdefault(line.split(None, 1)[0], []).append(line)
    triangles = []
    for corners, faces in by_corners.items():
        # After the vertices there may be a colour.
        most = len(faces[0].split()) - 1
        if not corners.isdecimal() or not 3 <= int(corners) <= most:
            raise meshes.MeshError(
                "expected a face's number of vertices, 3 or more, and as many "
                f"vertices, got {faces[0][:40]!r}"
            )
        columns = range(1, int(corners) + 1)
        table = _table(faces, "faces", np.int64, columns)
        triangles += [
            table[:, [0, second, second + 1]]
            for second in range(1, len(columns) - 1)
        ]
    return np.concatenate(triangles)


def _table(
    lines: list[str],
    what: str,
    dtype: type,
    columns: Sequence[int] | None = None,
) -> np.ndarray:
    try:
        return np.loadtxt(lines, dtype, usecols=columns, ndmin=2)
    except ValueError as error:
        raise meshes.MeshError(f"its {what} are no table: {error}") from None
