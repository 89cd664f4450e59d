"""Renders objects off screen with MuJoCo, at given azimuths."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from tfmeta import errors
from tfmeta.tasks.poses import backends, meshes, primitives, render_worker

# A process that has not ended by itself after so many seconds is killed.
_PATIENCE = 2.0


class Renderer:
    """Renders objects in another process, which starts when it is needed.

    An object stands upright on a grey table and turns about the vertical. With
    a longest side of 1, see `meshes.normalize`, it fits into the image at each
    azimuth. The camera looks down at it by 45 degrees; the light comes from
    above and from the camera, and there are no shadows.

    It has a process of its own because Mesa, which draws where there is no GPU,
    and TensorFlow crash in one. So an object that crashes MuJoCo is an error
    like others.

    Use it in a `with` statement, or `close` it; in one thread at a time.

    Args:
        image_size: height and width of the images in pixels.
        backend: one of `backends.BACKENDS`; see `backends.choose_backend`.
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
        shape: meshes.Mesh | Sequence[primitives.Part],
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
            backend = backends.choose_backend(self._backend)
            self._worker = _Worker(self._image_size, backend, self._threads)
        try:
            answer = self._worker.ask(
                angles=np.asarray(azimuths, np.float64), **_arrays(shape)
            )
        except (EOFError, OSError):
            worker, self._worker = self._worker, None
            raise meshes.MeshError(
                f"MuJoCo crashed: {_one_line(worker.end())}"
            ) from None
        except BaseException:
            # What is left of an answer would be taken for the next one.
            self.close()
            raise
        if "images" not in answer:
            raise meshes.MeshError(_one_line(f"MuJoCo: {answer['message']}"))
        return answer["images"]


class _Worker:
    """The process: once constructed it is ready."""

    def __init__(self, image_size: int, backend: str, threads: int):
        backends.mujoco_version()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            # -P keeps the program's folder off the path, where its neighbours
            # would be found under their bare names.
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
                f"{backends.BACKENDS[backend][1]}, or choose another of "
                f"{', '.join(backends.BACKENDS)}"
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
    shape: meshes.Mesh | Sequence[primitives.Part],
) -> dict[str, np.ndarray]:
    """Returns a shape as `render_worker` takes it."""
    vertices, triangles = np.zeros([0, 3]), np.zeros([0, 3], np.int32)
    rows: list[list[float]] = []
    if isinstance(shape, meshes.Mesh):
        vertices, triangles = shape
    else:
        rows = [
            [
                primitives.PRIMITIVES[part.primitive],
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
