"""Renders objects off screen with MuJoCo, at given azimuths."""

import contextlib
import ctypes.util
import importlib.metadata
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfmeta import errors
from tfmeta.tasks.poses import off_meshes, render_worker

# What MuJoCo can render through: the library, and Debian's package of it.
BACKENDS = {"osmesa": ("OSMesa", "libosmesa6"), "egl": ("EGL", "libegl1")}

# MuJoCo's numbers of its primitives.
PRIMITIVES = {"capsule": 3, "ellipsoid": 4, "cylinder": 5, "box": 6}

# Seconds in which the process ends by itself.
_PATIENCE = 2.0


class Part(NamedTuple):
    """A primitive of a composed object, in the object's coordinates.

    Attributes:
        primitive: one of `PRIMITIVES`.
        size: half its extent in x, y and z; of a capsule or cylinder, which
            stand upright unless turned, the radius and half the length, and
            0. A capsule has half spheres beyond its length.
        position: of its centre.
        rotation: a unit quaternion, w first.
        grey: how bright it is, 0 to 1.
    """

    primitive: str
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    rotation: tuple[float, float, float, float]
    grey: float


class Renderer:
    """Renders objects, in a process of its own, which starts when needed.

    An object stands upright on a grey table and turns about the vertical. With
    a longest side of 1, see `normalize`, it fits into the image at each
    azimuth. The camera looks down at it by 45 degrees; the light comes from
    above and from the camera, and there are no shadows.

    The process is there because Mesa, which draws where there is no GPU, and
    TensorFlow crash in one. So an object that crashes MuJoCo is an error like
    others.

    Use it in a `with` statement, or `close` it; in one thread at a time.

    Args:
        image_size: height and width of the images in pixels.
        backend: one of `BACKENDS`; see `choose_backend`.
        threads: how many threads Mesa may draw with.
    """

    def __init__(
        self,
        image_size: int = 128,
        *,
        backend: str | None = None,
        threads: int = 1,
    ):
        self._image_size = image_size
        self._backend = backend
        self._threads = threads
        self._worker: _Worker | None = None

    def __enter__(self) -> "Renderer":
        """Returns itself."""
        return self

    def __exit__(self, *exception) -> None:
        """Ends the process."""
        self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def render(
        self,
        shape: off_meshes.Mesh | Sequence[Part],
        azimuths: np.ndarray,
    ) -> np.ndarray:
        """Renders an object.

        Args:
            shape: a mesh, or the parts of a composed object.
            azimuths: `[R]`, radians; by how much the object is turned about
                the vertical, counterclockwise as seen from above.

        Returns:
            Images `[R, image_size, image_size]`, grey, uint8.

        Raises:
            InputError: if MuJoCo or the backend's library is not installed, or
                does not work.
            MeshError: if MuJoCo cannot render the object.
        """
        if self._worker is None:
            backend = choose_backend(self._backend)
            self._worker = _Worker(self._image_size, backend, self._threads)
        try:
            answer = self._worker.ask(
                angles=np.asarray(azimuths, np.float64), **_arrays(shape)
            )
        except (EOFError, OSError):
            worker, self._worker = self._worker, None
            raise off_meshes.MeshError(
                f"MuJoCo crashed: {_one_line(worker.end())}"
            ) from None
        except BaseException:
            # Half an answer is no beginning for the next.
            self.close()
            raise
        if "images" not in answer:
            raise off_meshes.MeshError(
                _one_line(f"MuJoCo: {answer['message']}")
            )
        return answer["images"]


def normalize(mesh: off_meshes.Mesh) -> off_meshes.Mesh:
    """Returns a mesh that stands on z = 0, centred, its longest side 1.

    Raises:
        MeshError: if the mesh has no extent.
    """
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    with np.errstate(over="ignore"):  # To infinity, which is refused.
        side = (high - low).max()
    if not 0 < side < np.inf:
        raise off_meshes.MeshError(f"its longest side is {side}")
    origin = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return mesh._replace(vertices=(mesh.vertices - origin) / side)


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
        backend: one of `BACKENDS`. Default: what MuJoCo's own `$MUJOCO_GL`
            names of them, else the first whose library is there.

    Raises:
        InputError: if the backend is unknown or its library is missing.
    """
    chosen = backend or os.environ.get("MUJOCO_GL", "").lower()
    if chosen in BACKENDS:
        candidates = [chosen]
    elif backend is None:
        candidates = list(BACKENDS)
    else:
        raise errors.InputError(
            f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}"
        )
    for candidate in candidates:
        if ctypes.util.find_library(BACKENDS[candidate][0]):
            return candidate
    missing = [f"{name} (lib{BACKENDS[name][0]})" for name in candidates]
    packages = [BACKENDS[name][1] for name in candidates]
    raise errors.InputError(
        f"backend: found no library of the system for {' or '.join(missing)} "
        f"to render with: on Debian, apt-get install {' or '.join(packages)}"
    )


class _Worker:
    """The process: once constructed it is ready."""

    def __init__(self, image_size: int, backend: str, threads: int):
        mujoco_version()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            # Without the program's folder on the path, whose modules are not
            # to be imported by their bare names.
            [sys.executable, "-P", render_worker.__file__, str(image_size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # MuJoCo writes a log of its own where it runs.
            cwd=tempfile.gettempdir(),
            env=os.environ
            | {
                "MUJOCO_GL": backend,
                "PYOPENGL_PLATFORM": backend,
                "LP_NUM_THREADS": str(threads),
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
            },
        )
        message = None
        try:
            message = str(self._receive()["message"])
        except EOFError:
            pass
        finally:
            ended = "" if message == "" else self.end()
        if ended:
            raise errors.InputError(
                f"backend: MuJoCo cannot render through {backend} "
                f"({_one_line(message or ended)}): on Debian, apt-get install "
                f"{BACKENDS[backend][1]}, or choose another of "
                f"{', '.join(BACKENDS)}"
            )

    def ask(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Has an object rendered; see `render_worker`.

        Raises:
            EOFError, OSError: if the process is gone.
        """
        assert self._process.stdin is not None
        render_worker.send(self._process.stdin, **arrays)
        return self._receive()

    def end(self) -> str:
        """Ends the process and returns why it ended, if it did by itself."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._log:
            self._log.seek(0)
            printed = self._log.read().decode(errors="replace").strip()
        if process.returncode < 0:
            return signal.Signals(-process.returncode).name
        return printed.rpartition("\n")[2] or f"status {process.returncode}"

    def _receive(self) -> dict[str, np.ndarray]:
        assert self._process.stdout is not None
        return render_worker.receive(self._process.stdout)


def _arrays(
    shape: off_meshes.Mesh | Sequence[Part],
) -> dict[str, np.ndarray]:
    """Returns a shape as `render_worker` takes it."""
    vertices, triangles = np.zeros([0, 3]), np.zeros([0, 3], np.int32)
    rows: list[list[float]] = []
    if isinstance(shape, off_meshes.Mesh):
        vertices, triangles = shape
    else:
        rows = [
            [
                PRIMITIVES[part.primitive],
                *part.size,
                *part.position,
                *part.rotation,
                part.grey,
            ]
            for part in shape
        ]
    return {
        "vertices": vertices,
        "triangles": triangles,
        "parts": np.array(rows).reshape([-1, 12]),
    }


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:120] + " ..."
