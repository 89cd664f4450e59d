"""The folder of a run: its settings, its results, what made them."""

import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.run import rows
from tfmeta import errors

_CONFIG = "config.json"
_PACKAGES = (
    "tfmeta",
    "tensorflow",
    "keras",
    "tensorflow-probability",
    "tensorflow-datasets",
    "numpy",
    "gymnasium",
    "metaworld",
    "mujoco",
)


class RunFolder:
    """A run's folder, which belongs to one command and one set of settings.

    Args:
        path: the folder; made if missing.
        command: the command's name.
        config: the settings that fix the results.

    Raises:
        InputError: if the folder cannot be written, or holds something else
            than a run of this command with these settings, or one of another
            version of this program.
    """

    def __init__(
        self, path: pathlib.Path, command: str, config: Mapping[str, Any]
    ):
        self.path = path
        self._command = command
        # As JSON holds it, which knows no tuples.
        self._config = json.loads(json.dumps(config))
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
            self.write_json(
                _CONFIG,
                {
                    "schema": rows.SCHEMA,
                    "command": self._command,
                    "config": self._config,
                },
            )
            return
        try:
            there = json.loads(file.read_text())
        except ValueError as error:
            raise errors.InputError(
                f"--out={self.path}: its {_CONFIG} cannot be read ({error}); "
                "give another folder"
            ) from error
        rows.check_schema(there, f"--out={self.path}: its {_CONFIG}")
        differing = [
            f"--{name} was {there['config'].get(name)!r} and is {value!r}"
            for name, value in self._config.items()
            if there["config"].get(name) != value
        ]
        if there["command"] != self._command:
            differing.insert(0, f"of {there['command']}")
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

    def write_results(
        self, results: Sequence[rows.Row], folder: str = "."
    ) -> None:
        """Writes `results.json`: rows, settings, versions and commit.

        Args:
            results: the rows.
            folder: where, within this one.
        """
        self.write_json(
            f"{folder}/results.json",
            {
                "schema": rows.SCHEMA,
                "command": self._command,
                "rows": results,
                "config": self._config,
                "versions": _versions(),
                "commit": commit(),
            },
        )

    def read_results(self, folder: str = ".") -> list[rows.Row] | None:
        """Returns the rows of a `results.json`, None if it is missing.

        Raises:
            InputError: if another version of this program wrote them.
        """
        results = self.read_json(f"{folder}/results.json")
        if results is None:
            return None
        rows.check_schema(results, f"{self.path / folder}/results.json")
        return results["rows"]


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
