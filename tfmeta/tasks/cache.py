"""A folder of files with arrays that take long to make."""

import hashlib
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from absl import logging

_KEY = "cache_key"


def default_folder() -> pathlib.Path:
    """Returns the folder of the cache.

    It is `$TFMETA_CACHE_DIR`, else `$XDG_CACHE_HOME/tfmeta`, else
    `~/.cache/tfmeta`; without a home, it lies among the temporary files.
    """
    if folder := os.environ.get("TFMETA_CACHE_DIR"):
        return pathlib.Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return pathlib.Path(folder) / "tfmeta"
    if folder := os.environ.get("HOME"):
        return pathlib.Path(folder) / ".cache" / "tfmeta"
    return pathlib.Path(tempfile.gettempdir()) / "tfmeta"


def cached_arrays(
    name: str,
    key: str,
    build: Callable[[], Mapping[str, np.ndarray]],
    *,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the arrays that `build` makes, from a file if there is one.

    A file that cannot be read is made anew. If the folder cannot be written to,
    there is a warning, and the arrays are built each time.

    Args:
        name: the beginning of the file's name.
        key: everything that the arrays depend on: settings and versions.
        build: makes the arrays.
        folder: where the file lies. Default: `default_folder()`.

    Returns:
        The arrays by name.
    """
    folder = default_folder() if folder is None else pathlib.Path(folder)
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    path = folder / f"{name}-{digest}.npz"
    arrays = _read(path, key)
    if arrays is None:
        arrays = dict(build())
        _write(path, key, arrays)
    return arrays


def _read(path: pathlib.Path, key: str) -> dict[str, np.ndarray] | None:
    try:
        with (
            path.open("rb") as stream,
            np.load(stream, allow_pickle=False) as file,
        ):
            arrays = {name: file[name] for name in file.files}
        if str(arrays.pop(_KEY)) == key:
            return arrays
    except FileNotFoundError:
        return None
    except (
        EOFError,
        KeyError,
        NotImplementedError,
        OSError,
        TypeError,  # A file with a single array is not an archive.
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        logging.info("Not a readable cache file: %s (%s)", path, error)
    return None


def _write(
    path: pathlib.Path, key: str, arrays: Mapping[str, np.ndarray]
) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.stem}-", delete=False
        ) as file:
            temporary = pathlib.Path(file.name)
            np.savez_compressed(
                file, allow_pickle=False, **arrays, **{_KEY: np.array(key)}
            )
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        logging.log_first_n(
            logging.WARNING,
            "Going on without a cache, for %s cannot be written: %s. Choose "
            "another folder by TFMETA_CACHE_DIR.",
            1,
            path.parent,
            error,
        )
