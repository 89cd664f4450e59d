"""Loads rendered objects, split at random."""

import os
from collections.abc import Collection

import numpy as np

from tfmeta import errors
from tfmeta.tasks import arguments, splits
from tfmeta.tasks.poses import (
    backends,
    canonical_orientations,
    pose_objects,
    rendered_objects,
    shape_sources,
)


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
) -> splits.Splits[pose_objects.PoseObjects]:
    """Returns rendered objects, split at random.

    Each object is rendered at random azimuths, uniform over a full turn, and
    seen from above at 45 degrees. There is no noise on the labels. This is the
    protocol of Yin et al. (2020), who took the CAD models of PASCAL3D+ (Xiang
    et al. 2014) except for the symmetric bottles and trains, and tested on 15
    objects.

    Where azimuth 0 is, the paper and its code do not agree. The paper has an
    unknown canonical orientation for each object: "random". Its code
    (google-research, meta_learning_without_memorization/pose_data) draws none
    and renders the models as they are: "model". There all cars face the same
    way, and boats and buses as they do, so that what is learned of one object
    holds for others, and a support set has less to tell.

    Images are the same whatever the seed and `canonical`. They are rendered
    once and cached, an object at a time, so that a run that was stopped goes on
    where it was. With other settings, models or versions of MuJoCo they are
    rendered anew; with another backend the cached images are taken.

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
        backend: what MuJoCo renders through, one of `backends.BACKENDS`.
            Default: the one that `$MUJOCO_GL` names, else the first whose
            library is there.
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
    arguments.check_image_size(image_size)
    arguments.check_choice(
        "canonical", canonical, canonical_orientations.CANONICALS
    )
    if backend is not None:
        backends.choose_backend(backend)
    if cad is None:
        sources = shape_sources.composed()
    else:
        sources = shape_sources.from_off_files(cad, exclude)
    needed = meta_validation_objects + meta_test_objects + 1
    if len(sources) < needed:
        raise errors.InputError(
            f"cad: expected {needed} objects or more, of which "
            f"{meta_test_objects} for meta-test and {meta_validation_objects} "
            f"for meta-validation, got {len(sources)}"
        )
    objects = rendered_objects.render_objects(
        sources,
        renders=renders,
        image_size=image_size,
        backend=backend,
        cache_dir=cache_dir,
    )
    if canonical == "model":
        objects = canonical_orientations.as_modelled(objects)
    order = np.random.default_rng(seed).permutation(len(sources))
    borders = [-meta_validation_objects - meta_test_objects, -meta_test_objects]
    return splits.Splits(
        *(objects.select(part.tolist()) for part in np.split(order, borders))
    )
