"""The folder of a run: its settings, its results, what made them."""

import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from typing import Any

from tfmeta import errors

_CONFIG = "config.json"
_PACKAGES = (
    "tfmeta",
    "tensorflow",
    "keras",
    "tensorflow-probability",
    "tensorflow-datasets",
    "numpy",
)


class RunFolder:
    """A run's folder, which belongs to one set of settings.

    Args:
        path: the folder; made if missing.
        config: the settings that fix the results, as JSON holds them.

    Raises:
        InputError: if the folder cannot be written, or holds something else
            than a run with these settings.
    """

    def __init__(self, path: pathlib.Path, config: dict[str, Any]):
        self.path = path
        self._config = config
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK):
                raise PermissionError("Permission denied")
            self._claim()
        except OSError as error:
            raise errors.InputError(
                f"--out={path}: cannot be written "
                f"({error.strerror or error}); give another folder"
            ) from error

    def _claim(self) -> None:
        """Writes the settings, or checks them against those that are there."""
        file = self.path / _CONFIG
        if not file.exists():
            if any(self.path.iterdir()):
                raise errors.InputError(
                    f"--out={self.path}: holds files but no run; give a new "
                    "or empty folder"
                )
            self.write_json(_CONFIG, self._config)
            return
        try:
            found = json.loads(file.read_text())
        except ValueError as error:
            raise errors.InputError(
                f"--out={self.path}: its {_CONFIG} cannot be read ({error}); "
                "give another folder"
            ) from error
        differing = [
            f"--{name} was {found.get(name)!r} and is {value!r}"
            for name, value in self._config.items()
            if found.get(name) != value
        ]
        if differing:
            raise errors.InputError(
                f"--out={self.path}: holds a run with other settings "
                f"({'; '.join(differing)}); give another folder"
            )

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file of the folder, whole or not at all."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.writing")
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(file)

    def read_json(self, name: str) -> Any | None:
        """Reads a JSON file of the folder, or returns None if it is missing."""
        file = self.path / name
        if not file.exists():
            return None
        try:
            return json.loads(file.read_text())
        except ValueError as error:
            raise errors.InputError(
                f"{file} cannot be read ({error}): remove it to make it again"
            ) from error

    def write_results(self, rows: list[dict[str, Any]]) -> None:
        """Writes `results.json`: rows, settings, versions and commit."""
        self.write_json(
            "results.json",
            {
                "rows": rows,
                "config": self._config,
                "versions": _versions(),
                "commit": commit(),
            },
        )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # Such as tfmeta itself, run from its sources.
    return versions


def commit() -> str | None:
    """Returns the checkout's commit, marked if the tree differs from it.

    Returns:
        None where there is no checkout, or no git.
    """
    checkout = os.environ.get(
        "BUILD_WORKSPACE_DIRECTORY", pathlib.Path(__file__).parent
    )
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
