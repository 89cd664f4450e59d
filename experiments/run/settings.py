"""Values that a command line may give, each written once.

A `Setting` holds a name, a default, a help text and a check; a flag is made of
it (`run.flags`), and tables and results call it by the same name.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from tfmeta import errors


@dataclasses.dataclass(frozen=True)
class Setting:
    """A value that a command line may give.

    Attributes:
        name: the flag's, and the key in results.
        default: the value without a flag. None stands for the default of the
            method, or of the data.
        help: the flag's help text.
        flag: what defines the flag, one of absl's `DEFINE_*`.
        read: from what the flag holds to the value. Raises an `InputError` if
            that is no value for this setting.
        title: what tables call it.
    """

    name: str
    default: Any
    help: str
    flag: Callable[..., Any]
    read: Callable[[Any], Any] = lambda value: value
    title: str = ""

    def __post_init__(self):
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " "))

    def replace(self, **changes: Any) -> "Setting":
        """Returns this setting with another default, help or title."""
        return dataclasses.replace(self, **changes)


def integer(
    name: str,
    default: int | None,
    help_text: str,
    *,
    least: int = 1,
    title: str = "",
) -> Setting:
    """Returns a setting that is a whole number, `least` or above."""
    define = functools.partial(flags.DEFINE_integer, lower_bound=least)
    return Setting(name, default, help_text, define, title=title)


def number(
    name: str,
    default: float | None,
    help_text: str,
    *,
    zero: bool = False,
    title: str = "",
) -> Setting:
    """Returns a setting that is a finite number above zero, or zero, too."""

    def read(value: float | None) -> float | None:
        if value is None or (
            math.isfinite(value) and (value > 0 or (zero and value == 0))
        ):
            return value
        expected = "number not below" if zero else "number above"
        raise errors.InputError(f"--{name}={value}: expected a {expected} 0")

    return Setting(name, default, help_text, flags.DEFINE_float, read, title)


def choice(
    name: str,
    default: str | None,
    options: Iterable[str],
    help_text: str,
    *,
    title: str = "",
) -> Setting:
    """Returns a setting that is one of a few words."""
    define = functools.partial(flags.DEFINE_enum, enum_values=list(options))
    return Setting(name, default, help_text, define, title=title)


def switch(name: str, default: bool | None, help_text: str) -> Setting:
    """Returns a setting that is true or false."""
    return Setting(name, default, help_text, flags.DEFINE_bool)


def text(name: str, default: str | None, help_text: str) -> Setting:
    """Returns a setting that is any text, such as a path."""
    return Setting(name, default, help_text, flags.DEFINE_string)


def chosen(
    name: str, given: Iterable[str] | None, known: Iterable[str]
) -> tuple[str, ...]:
    """Returns the names that a flag gives, once each.

    Args:
        name: the flag's.
        given: what it holds.
        known: the names that there are.

    Raises:
        InputError: if it gives nothing, or something unknown.
    """
    entries = [entry.strip() for entry in given or () if entry.strip()]
    known = list(known)
    if not entries:
        raise errors.InputError(
            f"--{name}: expected at least one of {', '.join(known)}"
        )
    for entry in entries:
        if entry not in known:
            raise errors.InputError(
                f"--{name}: {entry!r} is unknown; expected some of "
                f"{', '.join(known)}"
            )
    return tuple(dict.fromkeys(entries))


def names(
    name: str, default: Sequence[str], known: Iterable[str], help_text: str
) -> Setting:
    """Returns a setting that is a list of names, at least one, once each."""
    known = list(known)
    return Setting(
        name,
        list(default),
        help_text,
        flags.DEFINE_list,
        lambda given: chosen(name, given, known),
    )


def integers(
    name: str, default: None, help_text: str, *, title: str = ""
) -> Setting:
    """Returns a setting that is a list of whole numbers above zero."""

    def read(value: Sequence[str] | None) -> tuple[int, ...] | None:
        if value is None:
            return None
        try:
            given = tuple(int(entry) for entry in value)
        except ValueError:
            given = ()
        if not given or min(given) < 1:
            raise errors.InputError(
                f"--{name}={','.join(value)}: expected positive integers"
            )
        return given

    return Setting(name, default, help_text, flags.DEFINE_list, read, title)


def values(
    name: str, default: Sequence[Any], help_text: str, of: Setting
) -> Setting:
    """Returns a setting that is a list of values of another one.

    They are sorted, and each is there once.

    Args:
        name: the list's name.
        default: the list.
        help_text: the flag's.
        of: the setting whose values they are.
    """

    def read(value: Sequence[str]) -> tuple[Any, ...]:
        entries = []
        for entry in value:
            flag_values = flags.FlagValues()
            of.flag(
                name=of.name, default=None, help="", flag_values=flag_values
            )
            try:
                flag_values(["command", f"--{of.name}={entry}"])
                entries.append(of.read(flag_values[of.name].value))
            except (errors.InputError, flags.Error) as error:
                raise errors.InputError(
                    f"--{name}={','.join(value)}: {error}"
                ) from error
        if not entries:
            raise errors.InputError(f"--{name}: expected at least one")
        return tuple(sorted(set(entries)))

    shown = [str(entry) for entry in default]
    return Setting(name, shown, help_text, flags.DEFINE_list, read)


def with_defaults(
    settings: Iterable[Setting], defaults: Mapping[str, Any]
) -> tuple[Setting, ...]:
    """Returns settings with other defaults, where these are given by name."""
    return tuple(
        setting.replace(default=defaults[setting.name])
        if setting.name in defaults
        else setting
        for setting in settings
    )
