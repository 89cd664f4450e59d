"""Triangle meshes from OFF files, in a folder or a zip file."""

import os
import pathlib
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
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
    lines = list(_tokens(text))
    header = lines.pop(0) if lines else []
    if not header or header[0] != "OFF":
        raise MeshError(
            f"expected OFF at its beginning, got {' '.join(header)[:20]!r}"
        )
    # The counts are on a line of their own, or on that of OFF.
    counts = header[1:] or (lines.pop(0) if lines else [])
    num_vertices, num_faces = _integers(counts[:2], "counts", expected=2)
    if min(num_vertices, num_faces) < 1:
        raise MeshError(
            f"expected vertices and faces, got {num_vertices} and {num_faces}"
        )
    if len(lines) != num_vertices + num_faces:
        raise MeshError(
            f"expected {num_vertices} vertices and {num_faces} faces, a line "
            f"each, got {len(lines)} lines"
        )
    vertices = _vertices(lines[:num_vertices])
    triangles = np.array(
        [
            triangle
            for line in lines[num_vertices:]
            for triangle in _triangles(line)
        ],
        np.int64,
    )
    if triangles.min() < 0 or triangles.max() >= num_vertices:
        raise MeshError(
            f"a face has a vertex that is not one of 0 to {num_vertices - 1}"
        )
    used, triangles = np.unique(triangles, return_inverse=True)
    return Mesh(vertices[used], triangles.reshape([-1, 3]).astype(np.int32))


def _tokens(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        tokens = line.partition("#")[0].split()
        if tokens:
            yield tokens


def _integers(tokens: list[str], what: str, *, expected: int) -> list[int]:
    try:
        integers = [int(token) for token in tokens]
    except ValueError:
        integers = []
    if len(integers) != expected:
        raise MeshError(
            f"expected {expected} integers as {what}, got "
            f"{' '.join(tokens)[:40]!r}"
        )
    return integers


def _vertices(lines: list[list[str]]) -> np.ndarray:
    for number, line in enumerate(lines):
        if len(line) != 3:
            raise MeshError(
                f"expected 3 coordinates of vertex {number}, got "
                f"{' '.join(line)[:40]!r}"
            )
    try:
        vertices = np.array(lines, np.float64)
    except ValueError:
        vertices = np.array([np.nan])
    if not np.isfinite(vertices).all():
        raise MeshError("a coordinate is no finite number")
    return vertices


def _triangles(line: list[str]) -> Iterator[list[int]]:
    corners = _integers(line[:1], "a face's number of vertices", expected=1)[0]
    if corners < 3:
        raise MeshError(f"expected faces of 3 vertices or more, got {corners}")
    # After them there may be a colour.
    face = _integers(line[1 : corners + 1], "a face", expected=corners)
    for second, third in zip(face[1:], face[2:], strict=False):
        yield [face[0], second, third]


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
    if len(parts) < 2 or hidden or not (stem and dot) or suffix.lower() != "off":
        return None
    return f"{parts[-2]}/{stem}"


def _is_excluded(name: str, exclude: Collection[str]) -> bool:
    return name in exclude or name.partition("/")[0] in exclude
