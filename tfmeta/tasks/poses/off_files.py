"""OFF files in a folder or a zip file."""

import os
import pathlib
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator

from tfmeta import errors

# The most that one file may have, unpacked; large CAD models have a hundredth.
_MAX_BYTES = 2**30


def read_off_files(
    path: str | os.PathLike[str], *, exclude: Collection[str] = ()
) -> dict[str, bytes]:
    """Returns the OFF files of a folder or a zip file, unparsed.

    A file is named after its folder, which is its class, and itself:
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
