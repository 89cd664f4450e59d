r"""Classifies images with a learner that was trained and exported before.

Show it a few labelled images of each class, in one sub-folder per class; it
adapts to them and says what is on the others:

    ./bazelw run //experiments:classify_folder -- \
        --learner=results/nme_classification/RUN/mr_maml_w/saved_model \
        --support=letters/ --query=unknown/ --out=answers.csv

The images should look as those that the learner was trained on: one character
in the middle, ink on paper. A learner that normalizes over its batch sees the
queries together, so an answer can depend on the other queries.
"""

import csv
import pathlib

import numpy as np
import tensorflow as tf
from absl import flags

from experiments.run import cli
from tfmeta import errors
from tfmeta.tasks.images import image_classes, image_folder

_LEARNER = flags.DEFINE_string(
    "learner",
    "",
    "Folder of a SavedModel, as learner.export writes it.",
)
_SUPPORT = flags.DEFINE_string(
    "support",
    "",
    "Folder with one sub-folder of images for each class.",
)
_QUERY = flags.DEFINE_string(
    "query",
    "",
    "Folder of unlabelled images, or one image.",
)
_INVERT = flags.DEFINE_bool(
    "invert",
    True,
    "Whether the images show dark ink on light paper; the learners of these "
    "experiments know ink as 1 and paper as 0.",
)
_OUT = flags.DEFINE_string(
    "out", None, "CSV file to write: file, class, probability."
)


def main() -> None:
    """Prints the class of each query image, and writes them to a file."""
    for holder in (_LEARNER, _SUPPORT, _QUERY):
        if not holder.value:
            raise errors.InputError(
                f"--{holder.name}: is needed; --help says what for"
            )
    signature = _load_signature(cli.resolve_path(_LEARNER.value))
    _, height, width, channels = _input_shape(signature)
    if height != width:
        raise errors.InputError(
            f"--learner: expected square images, got {height} x {width}"
        )
    reading = {
        "image_size": height,
        "channels": channels,
        "invert": _INVERT.value,
    }
    support = _read_support(reading)
    files = _list_queries(cli.resolve_path(_QUERY.value))
    try:
        queries = image_folder.load_images(files, **reading)
    except errors.InputError as error:
        raise errors.InputError(f"--query: {error}") from error
    probabilities = _classify(signature, support, queries)
    answers = [
        (file.name, support.class_names[row.argmax()], float(row.max()))
        for file, row in zip(files, probabilities, strict=True)
    ]
    width = max(len(name) for name, _, _ in answers)
    for name, label, probability in answers:
        print(f"{name:{width}}  {probability:6.1%}  {label}")
    if _OUT.value is not None:
        _write(cli.resolve_path(_OUT.value), answers)


def _load_signature(path: pathlib.Path):
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises its own kinds.
        raise errors.InputError(
            f"--learner={path}: expected the folder of a SavedModel, "
            f"which cannot be read ({str(error).splitlines()[0]})"
        ) from error
    signature = loaded.signatures.get("serving_default")
    if signature is None or not {"support_x", "support_y", "query_x"} <= set(
        signature.structured_input_signature[1]
    ):
        raise errors.InputError(
            f"--learner={path}: is a SavedModel of something else; expected "
            "one that learner.export wrote"
        )
    # A signature does not keep alive the variables that it reads.
    signature.loaded = loaded
    return signature


def _input_shape(signature) -> tuple:
    shape = signature.structured_input_signature[1]["support_x"].shape
    if len(shape) != 4:
        raise errors.InputError(
            "--learner: expected a learner of images [n, height, width, "
            f"channels], got inputs of shape {tuple(shape)}"
        )
    return tuple(shape)


def _read_support(reading: dict) -> image_classes.ImageClasses:
    try:
        return image_folder.load_image_folder(
            cli.resolve_path(_SUPPORT.value), **reading
        )
    except errors.InputError as error:
        raise errors.InputError(f"--support: {error}") from error


def _list_queries(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_file():
        return [path]
    try:
        return image_folder.list_images(path)
    except errors.InputError as error:
        raise errors.InputError(f"--query: {error}") from error


def _classify(
    signature, support: image_classes.ImageClasses, queries: np.ndarray
) -> np.ndarray:
    """Returns the probabilities of the support's classes for each query."""
    ways = signature.structured_outputs["predictions"].shape[-1]
    if support.num_classes > ways:
        raise errors.InputError(
            f"--support: has {support.num_classes} classes, and the learner "
            f"tells at most {ways} apart"
        )
    labels = np.repeat(np.arange(support.num_classes), support.images_per_class)
    logits = signature(
        support_x=_scale(support.images),
        support_y=tf.constant(labels, tf.int32),
        query_x=_scale(queries),
    )["predictions"]
    # Labels that the support does not use are no answers.
    return tf.nn.softmax(logits[:, : support.num_classes]).numpy()


def _scale(images: np.ndarray) -> tf.Tensor:
    """Scales to 0..1, as episodes are."""
    return tf.cast(images, tf.float32) / 255.0


def _write(path: pathlib.Path, answers: list[tuple[str, str, float]]) -> None:
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "class", "probability"])
        writer.writerows(answers)
    temporary.replace(path)


if __name__ == "__main__":
    cli.run(main)
