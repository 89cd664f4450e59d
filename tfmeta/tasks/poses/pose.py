"""Pose prediction: how far an object is turned from where it once stood.

A task is an object: from a few images of it and their azimuths to tell the
azimuths of others. Azimuth 0 is an orientation of each object's own, so it
takes the support to tell; but a learner can as well recognize the objects that
it was trained on and ignore the support (Yin et al. 2020, section 6.2).
"""

import concurrent.futures
import dataclasses
import functools
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfmeta import episode, errors
from tfmeta.tasks import arguments, cache, streams
from tfmeta.tasks.poses import composed_objects, off_meshes, rendering

# A full turn in units of labels: mean squared errors are of 1/10 turn squared.
FULL_TURN = 10.0

# Where azimuth 0 of an object can be; see `load_pose`.
CANONICALS = ("random", "model")

# Without CAD models.
NUM_COMPOSED = 60

# To be changed with anything in the renderer or below that changes an image.
_VERSION = 1

_Shape = off_meshes.Mesh | Sequence[rendering.Part]


@dataclasses.dataclass(frozen=True)
class PoseObjects:
    """Images of objects at known azimuths.

    Attributes:
        images: uint8 `[objects, renders, height, width, channels]`.
        azimuths: radians, 0 to 2 pi, `[objects, renders]`.
        names: of the objects.

    Raises:
        InputError: if there are no objects or images, or their numbers differ.
    """

    images: np.ndarray
    azimuths: np.ndarray
    names: Sequence[str]

    def __post_init__(self):
        images = self.images
        if images.ndim != 5 or images.dtype != np.uint8 or not images.size:
            raise errors.InputError(
                "images: expected uint8 [objects, renders, height, width, "
                f"channels], got {images.dtype} {list(images.shape)}"
            )
        if self.azimuths.shape != images.shape[:2]:
            raise errors.InputError(
                f"azimuths: expected one for each of the {len(images)} x "
                f"{images.shape[1]} images, got {list(self.azimuths.shape)}"
            )
        if not np.isfinite(self.azimuths).all():
            raise errors.InputError("azimuths: expected finite numbers")
        if len(self.names) != len(images):
            raise errors.InputError(
                f"names: expected one for each of the {len(images)} objects, "
                f"got {len(self.names)}"
            )

    @property
    def labels(self) -> np.ndarray:
        """The azimuths as what is to be predicted: float32, 0 to 10."""
        turns = self.azimuths / (2 * np.pi)
        return (FULL_TURN * turns).astype(np.float32)

    def select(self, indices: Sequence[int]) -> "PoseObjects":
        """Returns some of the objects, in the given order."""
        return PoseObjects(
            self.images[indices],
            self.azimuths[indices],
            [self.names[index] for index in indices],
        )


class PoseSplits(NamedTuple):
    """Three disjoint sets of objects: for learning, for choosing, for telling.

    Attributes:
        meta_train: what the outer loop learns from.
        meta_validation: what settings are chosen on.
        meta_test: what results are reported on.
    """

    meta_train: PoseObjects
    meta_validation: PoseObjects
    meta_test: PoseObjects


def load_pose(
    cad: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    meta_validation_objects: int = 6,
    meta_test_objects: int = 15,
    renders: int = 100,
    image_size: int = 128,
    exclude: Collection[str] = ("bottle", "train"),
    canonical: str = "random",
    backend: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> PoseSplits:
    """Returns rendered objects, split at random.

    Each object is rendered at random azimuths, uniform over a full turn, and
    seen from above at 45 degrees. There is no noise on the labels. This is the
    protocol of Yin et al. (2020), who took the CAD models of PASCAL3D+ (Xiang
    et al. 2014) but for the symmetric bottles and trains, and tested on 15
    objects.

    Where azimuth 0 is, the paper and its code do not agree. The paper has an
    unknown canonical orientation for each object: "random". Its code
    (google-research, meta_learning_without_memorization/pose_data) draws none
    and renders the models as they are: "model". There all cars face the same
    way, and boats and buses as they do, so that what is learned of an object
    holds for its kin, and a support set has less to tell.

    Images are the same whatever the seed and `canonical`. They are rendered
    once and cached, an object at a time, so that a run that was stopped goes on
    where it was. With other settings, models or versions of MuJoCo they are
    rendered anew; with another backend what is cached is taken.

    Args:
        cad: a folder or a zip file of OFF files, `<class>/<instance>.off`, z
            up. Default: 60 objects composed of random primitives.
        seed: fixes which objects are in which split.
        meta_validation_objects: objects in meta-validation.
        meta_test_objects: objects in meta-test; the rest is in meta-train.
        renders: images of each object.
        image_size: height and width of the images in pixels.
        exclude: classes, and objects as `<class>/<instance>`, of `cad` to pass
            over.
        canonical: where azimuth 0 of an object is: "random", an orientation
            that is drawn for each object, or "model", as it was modelled.
        backend: what MuJoCo renders through, one of
            `rendering.BACKENDS`. Default: what `$MUJOCO_GL` says, else the
            first whose library is there.
        cache_dir: folder for the rendered images. Default: that of
            `tfmeta.tasks.cache`.

    Returns:
        The splits, of images `[objects, renders, image_size, image_size, 1]`.

    Raises:
        InputError: if there are too few objects; if meshes cannot be read or
            rendered, all of which are named, after the others were cached; or
            if MuJoCo or the library that it renders through is missing.
    """
    arguments.check_sizes(
        meta_validation_objects=meta_validation_objects,
        meta_test_objects=meta_test_objects,
        renders=renders,
    )
    arguments.check_numbers(seed=seed)
    if image_size < 8:
        raise errors.InputError(
            f"image_size: expected at least 8 pixels, got {image_size}"
        )
    if canonical not in CANONICALS:
        raise errors.InputError(
            f"canonical: expected one of {', '.join(CANONICALS)}, got "
            f"{canonical!r}"
        )
    if backend is not None:
        rendering.choose_backend(backend)
    sources = _composed() if cad is None else _from_files(cad, exclude)
    needed = meta_validation_objects + meta_test_objects + 1
    if len(sources) < needed:
        raise errors.InputError(
            f"cad: expected {needed} objects or more, of which "
            f"{meta_test_objects} for meta-test and {meta_validation_objects} "
            f"for meta-validation, got {len(sources)}"
        )
    objects = _Rendering(
        sources, renders, image_size, backend, cache_dir
    ).result()
    if canonical == "model":
        objects = _as_modelled(objects)
    order = np.random.default_rng(seed).permutation(len(sources))
    borders = [-meta_validation_objects - meta_test_objects, -meta_test_objects]
    return PoseSplits(
        *(objects.select(part.tolist()) for part in np.split(order, borders))
    )


def sample_pose_episodes(
    objects: PoseObjects,
    *,
    shots: int = 15,
    queries: int = 15,
    seed: int = 0,
    start: int = 0,
) -> tf.data.Dataset:
    """Returns an endless stream of tasks, each of one object.

    Task number i depends on `seed` and i alone, so a stream can be taken up
    anywhere: `start=k` is the stream without its first k tasks.

    Args:
        objects: what to draw from, uniformly.
        shots: support images of a task.
        queries: query images of a task, distinct from its support images.
        seed: fixes the stream.
        start: the number of the first task.

    Returns:
        An infinite dataset of `Episode`, all float32: images `[shots, height,
        width, channels]`, 0 to 1, and azimuths `[shots, 1]`, a full turn being
        10; the same for the queries.

    Raises:
        InputError: if there is no support or query, an object has fewer images
            than both take, or an argument is out of range.
    """
    arguments.check_sizes(shots=shots, queries=queries)
    num_objects, renders = objects.images.shape[:2]
    if shots + queries > renders:
        raise errors.InputError(
            f"shots + queries: expected at most {renders}, the images of an "
            f"object, got {shots} + {queries}"
        )
    # On the CPU, where tf.data runs; captured by reference, not copied.
    with tf.device("CPU:0"):
        images = tf.constant(objects.images)
        labels = tf.constant(objects.labels[..., np.newaxis])

    def sample(task_seed: tf.Tensor) -> episode.Episode:
        keys = streams.random_integers(1 + renders, task_seed)
        chosen = tf.math.floormod(keys[0], num_objects)
        order = tf.math.top_k(keys[1:], shots + queries).indices
        x = tf.cast(tf.gather(images[chosen], order), tf.float32) / 255.0
        y = tf.gather(labels[chosen], order)
        return episode.Episode(x[:shots], y[:shots], x[shots:], y[shots:])

    return streams.endless_stream(sample, seed=seed, start=start)


class _Source(NamedTuple):
    """Where an object comes from.

    Attributes:
        key: all that its shape depends on.
        shape: makes it.
    """

    key: str
    shape: Callable[[], _Shape]


def _from_files(
    cad: str | os.PathLike[str], exclude: Collection[str]
) -> dict[str, _Source]:
    try:
        files = off_meshes.read_off_files(cad, exclude=exclude)
    except errors.InputError as error:
        message = str(error).removeprefix("path: ")
        raise errors.InputError(f"cad: {message}") from error

    def read(content: bytes) -> _Shape:
        return rendering.normalize(off_meshes.parse_off(content))

    return {
        name: _Source(
            hashlib.sha256(content).hexdigest(),
            functools.partial(read, content),
        )
        for name, content in files.items()
    }


def _composed() -> dict[str, _Source]:
    lock = threading.Lock()

    @functools.cache
    def compose() -> Sequence[_Shape]:
        return composed_objects.compose_objects(NUM_COMPOSED)

    def take(number: int) -> _Shape:
        with lock:  # So that it is done once.
            return compose()[number]

    return {
        f"composed/{number:02}": _Source(
            f"version {composed_objects.VERSION}",
            functools.partial(take, number),
        )
        for number in range(NUM_COMPOSED)
    }


def _draw_canonical(name: str) -> tuple[float, np.random.Generator]:
    """Returns an object's canonical orientation, radians, and what drew it.

    It depends on the object's name, not on which others there are.
    """
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    return rng.uniform(0, 2 * np.pi), rng


def _as_modelled(objects: PoseObjects) -> PoseObjects:
    """Returns objects with azimuth 0 where their models face."""
    canonical = [_draw_canonical(name)[0] for name in objects.names]
    azimuths = objects.azimuths + np.array(canonical)[:, np.newaxis]
    return dataclasses.replace(objects, azimuths=azimuths % (2 * np.pi))


class _Rendering:
    """Renders what is not cached, with a process for each core."""

    def __init__(
        self,
        sources: Mapping[str, _Source],
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
        self._mujoco = rendering.mujoco_version()
        self._arrays: dict[str, dict[str, np.ndarray]] = {}
        self._failures: dict[str, str] = {}
        self._pending = list(sources)[::-1]
        self._lock = threading.Lock()
        self._progress: keras.utils.Progbar | None = None

    def result(self) -> PoseObjects:
        """Returns the objects in the order of the sources."""
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
            raise errors.InputError(self._complaint())
        found = [self._arrays.pop(name) for name in self._sources]
        return PoseObjects(
            np.stack([arrays["images"] for arrays in found])[..., np.newaxis],
            np.stack([arrays["azimuths"] for arrays in found]),
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
                except off_meshes.MeshError as error:
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
            f"{self._image_size} pixels, mujoco {self._mujoco}",
            functools.partial(self._render, name, source, renderer),
            folder=self._cache_dir,
        )

    def _render(
        self, name: str, source: _Source, renderer: rendering.Renderer
    ) -> dict[str, np.ndarray]:
        self._report()
        canonical, rng = _draw_canonical(name)
        azimuths = rng.uniform(0, 2 * np.pi, self._renders)
        images = renderer.render(source.shape(), canonical + azimuths)
        return {"images": images, "azimuths": azimuths}

    def _report(self, *, done: bool = False) -> None:
        """Shows how far it is, once it is known that there is work to do."""
        with self._lock:
            if self._progress is None and not done:
                print("Rendering objects, once: they are cached for next time.")
                self._progress = keras.utils.Progbar(
                    len(self._sources),
                    unit_name="object",
                    interval=0.2 if sys.stdout.isatty() else 10.0,
                )
            elif self._progress is not None and done:
                self._progress.update(len(self._arrays) + len(self._failures))

    def _complaint(self) -> str:
        shown = [
            f"{name} ({self._failures[name]})"
            for name in self._sources
            if name in self._failures
        ]
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        return (
            f"cad: {len(shown)} of {len(self._sources)} meshes cannot be "
            f"rendered: {', '.join(shown[:3])}{more}; mend or exclude them"
        )
