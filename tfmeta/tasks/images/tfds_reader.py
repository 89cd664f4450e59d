"""Reads data sets that TensorFlow Datasets prepares; errors are one line."""

import os
import pathlib
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from absl import logging

from tfmeta import errors

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

T = TypeVar("T")

_SECONDS = 5.0  # For a host to answer.


def read(
    name: str,
    title: str,
    data_dir: str | os.PathLike[str] | None,
    read_builder: "Callable[[tfds.core.DatasetBuilder], T]",
    host: str,
) -> T:
    """Reads a data set, downloaded if need be.

    A line in the log says at once that a download starts.

    Args:
        name: its name and version in TensorFlow Datasets, `"omniglot:3.0.0"`.
        title: its name in error messages.
        data_dir: the folder of TensorFlow Datasets. Default: its own.
        read_builder: reads the prepared data set. If it raises an exception,
            the data are taken to be corrupt.
        host: where it is downloaded from, `"github.com"`. If it does not answer
            within seconds, there is no download: TensorFlow Datasets would try
            for minutes, and say nothing.

    Returns:
        What `read_builder` returns.

    Raises:
        InputError: if the data set cannot be read from `data_dir` or
            downloaded.
    """
    # Only here, for it takes seconds to import.
    import tensorflow_datasets as tfds

    folder = pathlib.Path(
        tfds.core.constants.DATA_DIR if data_dir is None else data_dir
    ).expanduser()
    if data_dir is not None and not folder.is_dir():
        raise errors.InputError(
            f"data_dir: expected a folder, got {folder}: create it to have "
            f"{title} downloaded there"
        )

    def broken(error: Exception) -> errors.InputError:
        return errors.InputError(
            f"data_dir: the {title} in {folder} is incomplete or corrupt "
            f"({_one_line(error)}): remove {folder / name.split(':')[0]} to "
            "have it downloaded again"
        )

    def no_download(error: Exception) -> errors.InputError:
        return errors.InputError(
            f"data_dir: {folder} has no {name.replace(':', '/')}, and "
            f"downloading it failed ({_one_line(error)}): give a folder that "
            "has it, or connect to the network"
        )

    if not folder.joinpath(*name.split(":")).is_dir():
        logging.warning(
            "data_dir: %s has no %s: downloading %s from %s",
            folder,
            name.replace(":", "/"),
            title,
            host,
        )
        try:
            _knock(host)
        except OSError as error:
            raise no_download(error) from error
    # What TensorFlow Datasets raises is not documented and of many kinds.
    try:
        builder = tfds.builder(name, data_dir=folder)
    except Exception as error:
        raise broken(error) from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise no_download(error) from error
    try:
        return read_builder(builder)
    except Exception as error:
        raise broken(error) from error


def _knock(host: str) -> None:
    """Connects to a host, or to the proxy that leads to it.

    Raises:
        OSError: if it does not answer.
    """
    proxy = urllib.request.getproxies().get("https")
    if proxy and not urllib.request.proxy_bypass(host):
        address = urllib.parse.urlsplit(proxy)
        target = (address.hostname or proxy, address.port or 80)
    else:
        target = (host, 443)
    socket.create_connection(target, timeout=_SECONDS).close()


def _one_line(cause: object) -> str:
    # TensorFlow begins with the name of a node of the graph, in double braces.
    text = re.sub(r"\{\{.*?\}\}", "", str(cause))
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= 120 else text[:120] + " ..."
