"""Renders many objects, or reads them from the cache."""

import concurrent.futures
import functools
import os
import threading
from collections.abc import Mapping

import keras
import numpy as np

from tfmeta import errors
from tfmeta.tasks import cache, progress
from tfmeta.tasks.poses import (
    backends,
    canonical_orientations,
    meshes,
    pose_objects,
    rendering,
    shape_sources,
)

# To be changed with anything here, in the renderer or in how orientations are
# drawn that changes an image.
_VERSION = 1


def render_objects(
    sources: Mapping[str, shape_sources.ShapeSource],
    *,
    renders: int,
    image_size: int,
    backend: str | None,
    cache_dir: str | os.PathLike[str] | None,
) -> pose_objects.PoseObjects:
    """Renders objects at random azimuths, with a process for each core.

    An object's azimuths, and where its azimuth 0 is, depend on its name alone,
    see `canonical_orientations.draw_orientation`.

    Args:
        sources: the objects' shapes by name.
        renders: images of each object.
        image_size: height and width of the images in pixels.
        backend: one of `backends.BACKENDS`; see `backends.choose_backend`.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        The objects in the order of `sources`.

    Raises:
        InputError: if meshes cannot be read or rendered, all of which are
            named, after the others were cached; or if MuJoCo or the library
            that it renders through is missing.
    """
    job = _RenderJob(sources, renders, image_size, backend, cache_dir)
    return job.result()


class _RenderJob:
    """The state that the threads of `render_objects` share."""

    def __init__(
        self,
        sources: Mapping[str, shape_sources.ShapeSource],
        renders: int,
        image_size: int,
        backend: str | None,
        cache_dir: str | os.PathLike[str] | None,
    ):
        self._sources = sources
        self._renders = renders
        self._image_size = image_size
        self._backend = backend
        self._cache_dir = cache_dir
        self._mujoco_version = backends.mujoco_version()
        self._arrays: dict[str, dict[str, np.ndarray]] = {}
        self._failures: dict[str, str] = {}
        self._pending = list(sources)[::-1]
        self._lock = threading.Lock()
        self._bar: keras.utils.Progbar | None = None

    def result(self) -> pose_objects.PoseObjects:
        """Renders all objects and returns them in the order of the sources."""
        processes = min(len(os.sched_getaffinity(0)), len(self._sources))
        with concurrent.futures.ThreadPoolExecutor(processes) as threads:
            running = [threads.submit(self._work) for _ in range(processes)]
            try:
                for future in concurrent.futures.as_completed(running):
                    future.result()
            finally:
                # An error, or an interrupt, ends the others, too.
                with self._lock:
                    self._pending.clear()
        if self._failures:
            raise errors.InputError(self._failure_message())
        arrays = [self._arrays.pop(name) for name in self._sources]
        return pose_objects.PoseObjects(
            np.stack([of_object["images"] for of_object in arrays])[
                ..., np.newaxis
            ],
            np.stack([of_object["azimuths"] for of_object in arrays]),
            list(self._sources),
        )

    def _work(self) -> None:
        with rendering.Renderer(
            self._image_size, backend=self._backend
        ) as renderer:
            while True:
                with self._lock:
                    if not self._pending:
                        return
                    name = self._pending.pop()
                try:
                    arrays = self._load(name, renderer)
                except meshes.MeshError as error:
                    with self._lock:
                        self._failures[name] = str(error)
                else:
                    with self._lock:
                        self._arrays[name] = arrays
                self._report(done=True)

    def _load(
        self, name: str, renderer: rendering.Renderer
    ) -> dict[str, np.ndarray]:
        source = self._sources[name]
        return cache.cached_arrays(
            "pose",
            f"pose {_VERSION}, {name}, {source.key}, {self._renders} images of "
            f"{self._image_size} pixels, mujoco {self._mujoco_version}",
            functools.partial(self._render, name, source, renderer),
            folder=self._cache_dir,
        )

    def _render(
        self,
        name: str,
        source: shape_sources.ShapeSource,
        renderer: rendering.Renderer,
    ) -> dict[str, np.ndarray]:
        self._report()
        canonical, rng = canonical_orientations.draw_orientation(name)
        azimuths = rng.uniform(0, 2 * np.pi, self._renders)
        images = renderer.render(source.make_shape(), canonical + azimuths)
        return {"images": images, "azimuths": azimuths}

    def _report(self, *, done: bool = False) -> None:
        """Shows the progress, once an object turns out not to be cached."""
        with self._lock:
            if self._bar is None and not done:
                print("Rendering objects, once: they are cached for next time.")
                self._bar = progress.rendering_bar(len(self._sources), "object")
            elif self._bar is not None and done:
                self._bar.update(len(self._arrays) + len(self._failures))

    def _failure_message(self) -> str:
        failures = [
            f"{name} ({self._failures[name]})"
            for name in self._sources
            if name in self._failures
        ]
        more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
        return (
            f"cad: {len(failures)} of {len(self._sources)} meshes cannot be "
            f"rendered: {', '.join(failures[:3])}{more}; mend or exclude them"
        )
