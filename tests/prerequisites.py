"""What tests need beside the code, and are skipped without."""

import importlib.metadata
import os
import pathlib

from absl.testing import absltest


def data_dir(dataset: str, version: str) -> pathlib.Path:
    """Returns a folder of TensorFlow Datasets that holds a data set."""
    folder = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "absent"))
    if not (folder / dataset / version).is_dir():
        raise absltest.SkipTest(
            f"needs a folder with {dataset}/{version} in the environment "
            "variable TFDS_DATA_DIR"
        )
    return folder


def package(name: str) -> None:
    """Skips where a package is missing."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise absltest.SkipTest(f"{name} is not installed") from error
