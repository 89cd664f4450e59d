"""The libraries of the system that MuJoCo can render through."""

import ctypes.util
import importlib.metadata
import os

from tfmeta import errors
from tfmeta.tasks import arguments

# For each the name of its library, and of Debian's package of it.
BACKENDS = {"osmesa": ("OSMesa", "libosmesa6"), "egl": ("EGL", "libegl1")}


def mujoco_version() -> str:
    """Returns the version of MuJoCo.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return importlib.metadata.version("mujoco")
    except importlib.metadata.PackageNotFoundError as error:
        raise errors.InputError(
            "pose: rendering needs mujoco, which is not installed: "
            "pip install tfmeta[pose]"
        ) from error


def choose_backend(backend: str | None = None) -> str:
    """Returns a backend whose library is there.

    Args:
        backend: one of `BACKENDS`. Default: the one that MuJoCo's own
            `$MUJOCO_GL` names, else the first whose library is there.

    Raises:
        InputError: if the backend is unknown or its library is missing.
    """
    if backend is None:
        chosen = os.environ.get("MUJOCO_GL", "").lower()
    else:
        arguments.check_choice("backend", backend, BACKENDS)
        chosen = backend
    candidates = [chosen] if chosen in BACKENDS else list(BACKENDS)
    for candidate in candidates:
        if ctypes.util.find_library(BACKENDS[candidate][0]):
            return candidate
    missing = [f"{name} (lib{BACKENDS[name][0]})" for name in candidates]
    packages = [BACKENDS[name][1] for name in candidates]
    raise errors.InputError(
        f"backend: found no library of the system for {' or '.join(missing)} "
        f"to render with: on Debian, apt-get install {' or '.join(packages)}"
    )
