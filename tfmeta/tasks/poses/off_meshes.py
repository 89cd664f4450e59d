"""Triangle meshes from OFF files, in a folder or a zip file."""

import os
import pathlib
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta import errors

# Of one file, unpacked: a hundred times what a large CAD model takes.
_MAX_BYTES = 2**30


class MeshError(errors.InputError):
    """A mesh that cannot be read or rendered; the message does not name it."""


class Mesh(NamedTuple):
    """A surface of triangles.

    Attributes:
        vertices: float64 `[V, 3]`, x, y and z; z is up.
        triangles: int32 `[F, 3]`, the vertices of each.
    """

    vertices: np.ndarray
    triangles: np.ndarray


def read_off_files(
    path: str | os.PathLike[str], *, exclude: Collection[str] = ()
) -> dict[str, bytes]:
    """Returns the OFF files of a folder or a zip file, unparsed.

    A file is named after the folder that it lies in, its class, and itself:
    `CAD/car/01.off` is `car/01`. Nothing is unpacked to disk.

    Args:
        path: a zip file, or a folder, with `<class>/<instance>.off` somewhere
            in it. Hidden files and those of other kinds are passed over.
        exclude: classes (`car`) and meshes (`car/01`) to pass over, too.

    Returns:
        The files' contents by name, in the order of names.

    Raises:
        InputError: if there is no such zip file or folder, it has no OFF
            files, two of one name, or one that cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        files = _in_folder(path, exclude)
    elif path.is_file():
        files = _in_zip(path, exclude)
    else:
        raise errors.InputError(
            "path: expected a zip file or folder with <class>/<instance>.off, "
            f"got {path}, which does not exist"
        )
    contents: dict[str, bytes] = {}
    for name, content in files:
        if name in contents:
            raise errors.InputError(f"path: {path} has two meshes {name!r}")
        contents[name] = content
    if not contents:
        raise errors.InputError(
            f"path: expected <class>/<instance>.off, found none in {path}"
            + (f" besides {', '.join(exclude)}" if exclude else "")
        )
    return dict(sorted(contents.items()))


def parse_off(content: bytes) -> Mesh:
    """Parses an OFF file: text, of vertices and polygons.

    Polygons become triangles, which fan out from their first vertex. Vertices
    that no polygon has are left out. Comments and colours of faces are passed
    over.

    Args:
        content: the file's.

    Returns:
        The mesh.

    Raises:
        MeshError: if it is no OFF file, of another variety (`COFF`, binary),
            cut off, or has a number that is none, is not finite or not the
            number of a vertex, or if there is no face.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise MeshError("it is no text, as an OFF file is") from None
    lines = [
        line
        for whole in text.splitlines()
        if (line := whole.partition("#")[0].strip())
    ]
    keyword, *counts = (lines.pop(0) if lines else "").split()[:3] or [""]
    if keyword != "OFF":
        raise MeshError(f"expected OFF at its beginning, got {keyword[:20]!r}")
    # The counts are on the same line or on the next.
    if not counts and lines:
        counts = lines.pop(0).split()[:2]
    if len(counts) != 2 or not all(map(str.isdecimal, counts)):
        raise MeshError(
            "expected the numbers of vertices and faces after OFF, got "
            f"{' '.join(counts)[:40]!r}"
        )
    num_vertices, num_faces = map(int, counts)
    if num_vertices < 1 or num_faces < 1:
        raise MeshError(
            f"expected vertices and faces, got {num_vertices} and {num_faces}"
        )
    if len(lines) != num_vertices + num_faces:
        raise MeshError(
            f"expected {num_vertices} vertices and {num_faces} faces, a line "
            f"each, got {len(lines)} lines"
        )
    vertices = _table(lines[:num_vertices], "vertices", np.float64)
    if vertices.shape[1] != 3:
        raise MeshError(
            f"expected vertices of 3 coordinates, got {vertices.shape[1]}"
        )
    if not np.isfinite(vertices).all():
        raise MeshError("a coordinate is not finite")
    triangles = _triangles(lines[num_vertices:])
    if triangles.min() < 0 or triangles.max() >= num_vertices:
        raise MeshError(
            f"a face has a vertex that is not one of 0 to {num_vertices - 1}"
        )
    used, triangles = np.unique(triangles, return_inverse=True)
    return Mesh(vertices[used], triangles.reshape([-1, 3]).astype(np.int32))


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
            raise MeshError(
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
        raise MeshError(f"its {what} are no table: {error}") from None


def _in_folder(
    folder: pathlib.Path, exclude: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        name = _name(file.relative_to(folder.parent).parts)
        if name and not _is_excluded(name, exclude) and file.is_file():
            try:
                yield name, file.read_bytes()
            except OSError as error:
                raise errors.InputError(
                    f"path: cannot read {file}: {error.strerror}"
                ) from error


def _in_zip(
    path: pathlib.Path, exclude: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    member = None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = _name(member.filename.split("/"))
                if name and not _is_excluded(name, exclude):
                    if member.file_size > _MAX_BYTES:
                        raise errors.InputError(
                            f"path: {member.filename} in {path} has "
                            f"{member.file_size} bytes, expected at most "
                            f"{_MAX_BYTES}"
                        )
                    yield name, archive.read(member)
    except (
        EOFError,
        NotImplementedError,  # Another compression.
        OSError,
        RuntimeError,  # Encrypted.
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        where = f"{member.filename} in {path}" if member else str(path)
        raise errors.InputError(
            f"path: cannot read {where} as a zip file: {error}"
        ) from error


def _name(parts: Iterable[str]) -> str | None:
    """Returns `class/instance` of an OFF file, None for anything else."""
    parts = list(parts)
    stem, dot, suffix = parts[-1].rpartition(".")
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts[-2:])
    if (
        len(parts) < 2
        or hidden
        or not (stem and dot)
        or suffix.lower() != "off"
    ):
        return None
    return f"{parts[-2]}/{stem}"


def _is_excluded(name: str, exclude: Collection[str]) -> bool:
    return name in exclude or name.partition("/")[0] in exclude
