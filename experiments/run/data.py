"""Settings of where data come from, made of a table of sources."""

from collections.abc import Mapping
from typing import TypeVar

from experiments.run import cli, contract, settings
from tfmeta.tasks import sources

T = TypeVar("T")


def dataset(
    table: Mapping[str, sources.Source[T]], default: str
) -> settings.Setting:
    """Returns the setting that chooses one of the sources."""
    return settings.choice("dataset", default, table, sources.describe(table))


def data_dir(table: Mapping[str, sources.Source[T]]) -> settings.Setting:
    """Returns the setting of the folder of downloaded data."""
    return settings.text(
        "data_dir",
        None,
        "Folder of TensorFlow Datasets "
        f"({sources.names_taking('data_dir', table)}); its own default if not "
        "given. What is missing there is downloaded.",
    )


def load(table: Mapping[str, sources.Source[T]], values: contract.Values) -> T:
    """Loads what the values of `dataset`, `data_dir` and others ask for.

    Raises:
        InputError: if the data are not there, or not enough.
    """
    folder = values["data_dir"] and str(cli.resolve_path(values["data_dir"]))
    return table[values["dataset"]].load_from({**values, "data_dir": folder})
