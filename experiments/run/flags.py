"""Flags made of settings."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from absl import flags

from experiments.run.settings import Setting


def define(settings: Iterable[Setting], flag_values: flags.FlagValues) -> None:
    """Defines a flag for each setting.

    The program's `--help` lists them.

    Args:
        settings: the settings.
        flag_values: where to define them.
    """
    for setting in settings:
        setting.flag(
            name=setting.name,
            default=setting.default,
            help=setting.help,
            flag_values=flag_values,
        )
        flag_values.register_key_flag_for_module(
            sys.argv[0], flag_values[setting.name]
        )


def read(
    settings: Iterable[Setting], flag_values: flags.FlagValues
) -> dict[str, Any]:
    """Returns the values of settings that flags have been parsed to.

    Raises:
        InputError: if a flag holds no value for its setting.
    """
    return {
        setting.name: setting.read(flag_values[setting.name].value)
        for setting in settings
    }


def parse(settings: Iterable[Setting], argv: Iterable[str]) -> dict[str, Any]:
    """Returns the values of settings that a command line gives.

    Raises:
        InputError: if a flag holds no value for its setting.
        flags.Error: if a flag is unknown, or cannot be read.
    """
    settings = list(settings)
    flag_values = flags.FlagValues()
    define(settings, flag_values)
    flag_values(["command", *argv])
    return read(settings, flag_values)


def write(settings: Iterable[Setting], values: Mapping[str, Any]) -> list[str]:
    """Returns the flags that `parse` reads these values of."""
    flag_values = flags.FlagValues()
    settings = list(settings)
    define(settings, flag_values)
    for setting in settings:
        value = values[setting.name]
        if isinstance(value, tuple):
            value = [str(entry) for entry in value]
        flag_values[setting.name].value = value
    return [
        flag_values[setting.name].serialize()
        for setting in settings
        if values[setting.name] is not None
    ]
